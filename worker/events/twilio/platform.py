"""Twilio as a platform."""

from __future__ import annotations

from typing import Final

from worker.events.platform import Platform
from worker.events.twilio.call_event import PLATFORM
from worker.events.twilio.envelope import GATEWAY_TYPE, TEST_TYPE, read_cloud_event
from worker.events.twilio.fast_path import read_quickly
from worker.events.twilio.session_path import twilio_session

TWILIO: Final = Platform(
    PLATFORM,
    frozenset((GATEWAY_TYPE, TEST_TYPE)),
    read_cloud_event,
    read_quickly,
    unmarked=True,
    session_quickly=twilio_session,
)
