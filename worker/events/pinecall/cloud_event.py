"""A Pinecall call event as it stands on a stream: a CloudEvent, its fields and its schema. Pure.

Pinecall puts nothing on a stream by itself: a bridge makes these of a call's log. They hold what
this module names and nothing else, so no text, phone number or name of anybody can be among it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from worker.times.rfc3339 import format_ms

PLATFORM: Final = "pinecall"
CALL_EVENT_TYPE: Final = "com.voiceinsights.pinecall.call-event"
DATA_SCHEMA: Final = "urn:voice-insights:pinecall-call-event:1"

MAX_SEQUENCE_NUMBER: Final = (1 << 31) - 1
"""Sequence numbers run from 0 up to this one."""

MAX_TURN: Final = (1 << 53) - 1
"""Numbers of turns run from 0 up to this one, as JSON's readers have integers exactly."""

Basis = Literal["reported", "derived", "preceding", "arrival"]
"""Where an event's time comes from: the platform's own figure; worked out of several; that of an
event before it; the arrival of the frame that told of it.
"""

Instant = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds")]
Name = Annotated[str, Meta(max_length=200)]
Ms = Annotated[int, Meta(description="milliseconds")]


class _Part(msgspec.Struct, frozen=True, gc=False):
    """Readers pass over fields that they don't know."""


class Languages(_Part, frozen=True):
    """Of ``configurations``: what the session is known to use at its start."""

    channel: Name | UnsetType = UNSET
    direction: Name | UnsetType = UNSET
    transcriptionProvider: Name | UnsetType = UNSET  # noqa: N815 (a name of the wire)
    speechProvider: Name | UnsetType = UNSET  # noqa: N815
    ttsProvider: Name | UnsetType = UNSET  # noqa: N815
    voice: Name | UnsetType = UNSET


class ConfigurationsPart(_Part, frozen=True):
    """The session's start."""

    configurations: Languages = Languages()


class LanguagePart(_Part, frozen=True):
    """Of ``language_info`` and ``language_changed``: all that is known so far."""

    tts_provider: Name | UnsetType = UNSET
    voice: Name | UnsetType = UNSET
    transcription_provider: Name | UnsetType = UNSET
    speech_model: Name | UnsetType = UNSET
    transcription_language_code: Name | UnsetType = UNSET


class LatencyPart(_Part, frozen=True):
    """Of ``stt_latency`` and ``tts_latency``."""

    latency_ms: Ms


class TurnLatencyPart(_Part, frozen=True):
    """The platform's own figures of an answered turn, each if it gives it."""

    stt_ms: Ms | UnsetType = UNSET
    eou_ms: Ms | UnsetType = UNSET
    application_ms: Ms | UnsetType = UNSET
    tts_ms: Ms | UnsetType = UNSET
    response_ms: Ms | UnsetType = UNSET


class TokensPart(_Part, frozen=True):
    """Of ``final_token_received``: the model's completion tokens, and the words played."""

    total_tokens: int
    total_words: int | UnsetType = UNSET


class InterruptPart(_Part, frozen=True):
    """What broke in."""

    type: Literal["SPEECH", "DTMF"]


class ToolCallPart(_Part, frozen=True):
    """A tool that was called; neither its arguments nor what it gave."""

    name: Name
    duration_ms: Ms | UnsetType = UNSET
    ok: bool | UnsetType = UNSET


class ErrorPart(_Part, frozen=True):
    """An error's code; its message may hold anything, and stays away."""

    error_code: Name


class VendorPart(_Part, frozen=True):
    """Which vendor serves a stage from now on."""

    stage: Name | UnsetType = UNSET
    serving: Name | UnsetType = UNSET
    available: bool | UnsetType = UNSET


class HandoffPart(_Part, frozen=True):
    """A step of a hand-off to a human; nobody's name, no number."""

    kind: Literal["requested", "answered", "took_over", "released", "transferred"]
    ok: bool | UnsetType = UNSET
    mode: Name | UnsetType = UNSET


class WrapUpPart(_Part, frozen=True):
    """The session's end."""

    duration_in_seconds: int | UnsetType = UNSET
    end_status: Name | UnsetType = UNSET


class EventData(_Part, frozen=True, kw_only=True):
    """``data``: of one call, one event. ``sequence_number`` is the same at every reading of the
    call's log; ``previous`` that of the event derived before it, null for the first one and where
    the log could not be read. ``src_seq``: the log entry that it comes from. ``turn``: equal for
    what belongs to one turn of this call. The payload stands under the event's name.
    """

    platform: Literal["pinecall"] = PLATFORM
    account: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    call: Annotated[str, Meta(min_length=1, max_length=256)]
    session: Annotated[str, Meta(min_length=1, max_length=256)]
    agent: Annotated[str, Meta(max_length=128)]
    env: Name | UnsetType = UNSET
    sequence_number: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE_NUMBER)]
    previous: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE_NUMBER)] | None
    src_seq: int | None = None
    timestamp: Instant
    basis: Basis
    name: Annotated[str, Meta(max_length=128)]
    turn: Annotated[int, Meta(ge=0, le=MAX_TURN)] | UnsetType = UNSET
    configurations: ConfigurationsPart | UnsetType = UNSET
    language_info: LanguagePart | UnsetType = UNSET
    language_changed: LanguagePart | UnsetType = UNSET
    stt_latency: LatencyPart | UnsetType = UNSET
    tts_latency: LatencyPart | UnsetType = UNSET
    turn_latency: TurnLatencyPart | UnsetType = UNSET
    final_token_received: TokensPart | UnsetType = UNSET
    interrupt: InterruptPart | UnsetType = UNSET
    tool_call: ToolCallPart | UnsetType = UNSET
    error_event: ErrorPart | UnsetType = UNSET
    vendor_switched: VendorPart | UnsetType = UNSET
    handoff: HandoffPart | UnsetType = UNSET
    call_wrap_up: WrapUpPart | UnsetType = UNSET


class CallEvent(_Part, frozen=True, kw_only=True):
    """A CloudEvent of one event of one call. Its ``id`` and bytes are the same at every reading."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["com.voiceinsights.pinecall.call-event"] = CALL_EVENT_TYPE
    source: str
    subject: str
    id: str
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Literal["urn:voice-insights:pinecall-call-event:1"] = DATA_SCHEMA
    data: EventData

    @property
    def partition_key(self) -> str:
        """All events of a call go to one shard."""
        return self.data.call

    @property
    def sequence_number(self) -> int:
        """The event's number within its call."""
        return self.data.sequence_number


def call_event(data: EventData) -> CallEvent:
    """The CloudEvent of these data."""
    return CallEvent(
        source=f"/pinecall/{data.agent}",
        subject=data.call,
        id=f"{data.call}/{data.sequence_number}",
        time=data.timestamp,
        data=data,
    )


def instant(ms: int) -> str:
    """An instant in epoch ms as the events have it."""
    return format_ms(ms)


def encode(event: CallEvent) -> bytes:
    """The event as one line of JSON, without a line end; equal events, equal bytes."""
    return _ENCODER.encode(event)


def json_schema() -> dict[str, Any]:
    """The JSON schema of the CloudEvent."""
    parts = msgspec.json.schema(CallEvent)["$defs"]
    return {**parts.pop(CallEvent.__name__), "$defs": parts}


_ENCODER: Final = msgspec.json.Encoder()
