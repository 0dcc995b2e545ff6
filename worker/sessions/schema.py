"""The session record's schema: one JSON object with everything known about a closed session.

The JSON schema is published with the project (``voice-insights schema``) and versioned by
``schema_version``; within a version, fields are only ever added.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from worker.metrics.distribution import Summary
from worker.sessions.event_walk import MAX_ERRORS
from worker.sessions.state import CloseReason
from worker.sessions.timeline import Timeline
from worker.sessions.turn_rows import MAX_ROWS, RowOutcome

RECORD_SCHEMA_VERSION: Final = 1

Ms = Annotated[int, Meta(description="milliseconds")]
Rfc3339Text = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds")]
ReportedText = Annotated[
    str,
    Meta(
        description="text as the platform reports it, within limits: it may contain anything, "
        "including personal data"
    ),
]


class _Part(msgspec.Struct, frozen=True, gc=False):
    """Fields appear in a record's line in the order of their declaration here. A reader ignores
    unknown fields: a later release may have added them.
    """


class ContextPart(_Part, frozen=True):
    """Languages, providers, voice and model at the session's end; ``unknown`` if not reported."""

    tts_language: ReportedText
    transcription_language: ReportedText
    tts_provider: ReportedText
    voice: ReportedText
    transcription_provider: ReportedText
    speech_model: ReportedText


class LatencyPart(_Part, frozen=True, omit_defaults=True):
    """Distributions of each latency in milliseconds; null without a sample. ``end_of_turn`` is only
    there with one: not every platform tells it.
    """

    stt: Summary | None
    tts: Summary | None
    application: Summary | None
    response: Summary | None
    caller_wait: Summary | None
    time_to_reply_end: Summary | None
    reply_duration: Summary | None
    token_stream: Summary | None
    barge_in_stop: Summary | None
    time_to_first_audio: int | None
    end_of_turn: Summary | None = None


class TypePart(_Part, frozen=True):
    """Interruptions by their reported type."""

    SPEECH: int
    DTMF: int
    UNKNOWN: int


class InterruptionPart(_Part, frozen=True):
    """Interruptions, by their reported type and by who broke in."""

    total: int
    by_type: TypePart
    by_customer: int
    by_agent: int


class TokenPart(_Part, frozen=True):
    """Tokens and words of all replies; ``per_second`` in tokens a second, per reply."""

    total: int
    words: int
    replies: int
    per_second: Summary | None


class TalkPart(_Part, frozen=True):
    """How long each side talked; ``agent_share`` in percent, null if nobody talked."""

    customer_ms: Ms
    agent_ms: Ms
    agent_share: float | None
    longest_silence_ms: Ms


class ErrorPart(_Part, frozen=True):
    """An error that the session reported."""

    code: int | ReportedText | None
    message: ReportedText
    at: Rfc3339Text


class RowPart(_Part, frozen=True):
    """One turn, greeting, unanswered prompt or abandoned wait; ``doubtful`` where missing events
    may have changed the outcome.
    """

    n: int
    at: Rfc3339Text
    outcome: RowOutcome
    caller_wait_ms: Ms | None
    response_ms: Ms | None
    application_ms: Ms | None
    stt_ms: Ms | None
    tts_ms: Ms | None
    reply_ms: Ms | None
    tokens: int | None
    language: ReportedText


class CompletenessPart(_Part, frozen=True):
    """How much of the session was seen. ``missing``: sequence numbers absent between the first and
    the last; ``sparse``: whether more than a quarter of at least twenty numbers are absent, as
    happens where numbers aren't contiguous; ``cut``: whatever exceeded a limit: events of a session
    that is too large, unknown names beyond the first 50 (counted under ``other``), languages.
    """

    events: int
    conflicts: int
    order_conflicts: int
    lost_ends: int
    first_sequence: int
    last_sequence: int
    missing: int
    sparse: bool
    cut: int


class SessionRecord(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """A closed session. Of several records with one key, the one with the highest revision is
    valid. A session that gets events again after it was forgotten has further records,
    ``continued``, which describe only those later events.
    """

    schema_version: int
    platform: str
    account_sid: str
    call_sid: str
    session_id: str
    revision: int
    started_at: Rfc3339Text
    ended_at: Rfc3339Text
    duration_s: int | None
    end_status: ReportedText | None
    close_reason: CloseReason
    context: ContextPart
    configuration: dict[str, ReportedText]
    latency_ms: LatencyPart
    turns: int
    ambiguous_turns: int
    prompts: int
    unanswered_prompts: int
    ambiguous_replies: int
    unattributed_replies: int
    agent_utterances: int
    abandoned_waits: int
    interruptions: InterruptionPart
    preemptions: int
    dtmf: int
    digits: int
    media: int
    language_changes: int
    invalid_latencies: int
    invalid_tokens: int
    tokens: TokenPart
    talk: TalkPart
    errors: Annotated[list[ErrorPart], Meta(max_length=MAX_ERRORS)]
    unknown_events: dict[ReportedText, int]
    turn_rows: Annotated[list[RowPart], Meta(max_length=MAX_ROWS)]
    doubtful_waits: int
    doubtful_turns: int
    doubtful_prompts: int
    turn_rows_omitted: Annotated[int, Meta(description="rows left out to limit the record's size")]
    completeness: CompletenessPart
    continued: Annotated[
        bool, Meta(description="present, and true, only if earlier events were forgotten")
    ] = False
    agent: Annotated[
        str, Meta(description="the agent's name, of a platform whose agents have names")
    ] = ""
    held_ms: Annotated[
        int | None, Meta(description="ms on hold, without those with a human; null if never told")
    ] = None
    handoff_ms: Annotated[int | None, Meta(description="ms with a human; null if never told")] = (
        None
    )
    handoffs: Annotated[int | None, Meta(description="null if the platform never tells")] = None
    tool_calls: Annotated[int | None, Meta(description="null if the platform never tells")] = None
    timeline: Annotated[
        Timeline | None, Meta(description="times in ms since started_at; left out if too long")
    ] = None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the session record."""
    parts = msgspec.json.schema(SessionRecord)["$defs"]
    return {**parts.pop(SessionRecord.__name__), "$defs": parts}
