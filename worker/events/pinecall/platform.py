"""Pinecall as a platform."""

from __future__ import annotations

from typing import Final

from worker.events.pinecall.cloud_event import CALL_EVENT_TYPE, PLATFORM
from worker.events.pinecall.envelope import read_cloud_event
from worker.events.platform import Platform

PINECALL: Final = Platform(
    PLATFORM, frozenset((CALL_EVENT_TYPE,)), read_cloud_event, names_agents=True
)
