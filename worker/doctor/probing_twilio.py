"""Probes of Twilio: a stream's sink, and Advanced Features. Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from worker.doctor.twilio import TwilioFacts
from worker.errors import VoiceInsightsError
from worker.twilio.event_streams import EventStreams, advanced_features
from worker.twilio.rest import Rest

_T = TypeVar("_T")


def probe_twilio(insights: Rest, events: Rest, stream: str) -> TwilioFacts:
    """Find out the facts on Twilio's side about ``stream``, by name or ARN."""
    problems: list[str] = []
    advanced = _asked(problems, lambda: advanced_features(insights))
    seen = _asked(problems, lambda: EventStreams(events).look(stream))
    return TwilioFacts(tuple(problems), advanced, seen)


def _asked(problems: list[str], ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except VoiceInsightsError as error:
        problems.append(str(error))
        return None
