"""Pinecall as a platform."""

from __future__ import annotations

from typing import Final

from worker.events.pinecall.cloud_event import CALL_EVENT_TYPE, PINECALL_PLATFORM
from worker.events.pinecall.envelope import read_pinecall_event
from worker.events.pinecall.session_path import pinecall_session
from worker.events.platform import Platform

PINECALL: Final = Platform(
    PINECALL_PLATFORM,
    frozenset((CALL_EVENT_TYPE,)),
    read_pinecall_event,
    names_agents=True,
    session_quickly=pinecall_session,
)
