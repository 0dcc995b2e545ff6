"""Twilio's summary of a call, as far as session records can be compared with it. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_COUNT = Annotated[int, msgspec.Meta(ge=0)]


class Spread(msgspec.Struct, frozen=True):
    """Least, greatest and average of samples, in ms for latencies; 0/0/0 means no sample."""

    min: float = 0.0
    max: float = 0.0
    avg: float = 0.0

    @property
    def empty(self) -> bool:
        """Whether there was no sample, or only samples of 0, which Twilio doesn't distinguish."""
        return (self.min, self.max, self.avg) == (0.0, 0.0, 0.0)


class Total(msgspec.Struct, frozen=True):
    """A sum over a session."""

    total: _COUNT | None = None


class Interruptions(msgspec.Struct, frozen=True):
    """Interruptions by direction: who interrupted whom."""

    customer_to_agent: _COUNT = 0
    agent_to_customer: _COUNT = 0


class AgentSession(msgspec.Struct, frozen=True):
    """One of a call's ``agent_session_summaries``; null means not reported."""

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
    """A call's summary: ``partial`` about 10 minutes after the call's end, ``complete`` after up
    to 30 minutes.
    """

    call_sid: str | None = None
    processing_state: Literal["partial", "complete"] | None = None
    agent_session_summaries: list[AgentSession] | None = None
