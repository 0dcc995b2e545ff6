"""Twilio's summary of a call, as far as the session records have something to compare. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_COUNT = Annotated[int, msgspec.Meta(ge=0)]


class Spread(msgspec.Struct, frozen=True):
    """Least, greatest and average of samples, by default in ms; 0/0/0 stands for no sample."""

    min: float = 0.0
    max: float = 0.0
    avg: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether there was no sample, or only ones of 0: Twilio's defaults don't tell."""
        return (self.min, self.max, self.avg) == (0.0, 0.0, 0.0)


class Total(msgspec.Struct, frozen=True):
    """The sum over a session."""

    total: _COUNT | None = None


class Interruptions(msgspec.Struct, frozen=True):
    """Interruptions by who broke in on whom."""

    customer_to_agent: _COUNT = 0
    agent_to_customer: _COUNT = 0


class AgentSession(msgspec.Struct, frozen=True):
    """One of a call's ``agent_session_summaries``; null is read as nothing told."""

    session_id: str
    stt_latency_ms: Spread | None = None
    tts_latency_ms: Spread | None = None
    application_latency_ms: Spread | None = None
    tokens: Total | None = None
    words: Total | None = None
    turns: _COUNT | None = None
    interruptions: Interruptions | None = None
    session_state: str | None = None


class CallSummary(msgspec.Struct, frozen=True):
    """A call's summary: ``partial`` from some 10 minutes after its end on, ``complete`` after up
    to 30.
    """

    call_sid: str | None = None
    processing_state: Literal["partial", "complete"] | None = None
    agent_session_summaries: list[AgentSession] | None = None
