"""Twilio as a platform."""

from __future__ import annotations

from typing import Final

from worker.events.platform import Platform
from worker.events.twilio.call_event import PLATFORM
from worker.events.twilio.envelope import GATEWAY_TYPE, TEST_TYPE, read_cloud_event
from worker.events.twilio.fast_path import read_quickly

TWILIO: Final = Platform(
    PLATFORM,
    frozenset((GATEWAY_TYPE, TEST_TYPE)),
    read_cloud_event,
    read_quickly,
    unmarked=True,
)
