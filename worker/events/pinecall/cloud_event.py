"""A Pinecall call event as it stands on a stream: a CloudEvent, its fields and its schema. Pure.

Pinecall puts nothing on a stream by itself: a bridge makes these events of a call's log. They hold
only the fields that this module names, so they contain no speech, phone number or person's name.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from worker.events.bounds import MAX_SEQUENCE_NUMBER
from worker.times.rfc3339 import format_ms

PINECALL_PLATFORM: Final = "pinecall"
CALL_EVENT_TYPE: Final = "com.voiceinsights.pinecall.call-event"
DATA_SCHEMA: Final = "urn:voice-insights:pinecall-call-event:1"

MAX_TURN: Final = (1 << 53) - 1
"""The greatest number of a turn: the greatest integer that all JSON readers represent exactly."""

Basis = Literal["reported", "derived", "preceding", "arrival"]
"""The origin of an event's time: the platform's own figure; derived from several figures; the time
of the event before; the arrival of the frame.
"""

WireInstant = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds")]
WireName = Annotated[str, Meta(max_length=200)]
WireMs = Annotated[int, Meta(description="milliseconds")]


class _Part(msgspec.Struct, frozen=True, gc=False):
    """A part of the CloudEvent; readers ignore fields that they don't know."""


class WireSettings(_Part, frozen=True):
    """The settings in ``configurations``: the providers known at the session's start."""

    channel: WireName | UnsetType = UNSET
    direction: WireName | UnsetType = UNSET
    transcriptionProvider: WireName | UnsetType = UNSET  # noqa: N815 (a name of the wire)
    speechProvider: WireName | UnsetType = UNSET  # noqa: N815
    ttsProvider: WireName | UnsetType = UNSET  # noqa: N815
    voice: WireName | UnsetType = UNSET


class WireConfigurations(_Part, frozen=True):
    """The payload of ``configurations``, the session's start."""

    configurations: WireSettings = WireSettings()


class WireLanguage(_Part, frozen=True):
    """The payload of ``language_info`` and ``language_changed``: all that is known so far."""

    tts_provider: WireName | UnsetType = UNSET
    voice: WireName | UnsetType = UNSET
    transcription_provider: WireName | UnsetType = UNSET
    speech_model: WireName | UnsetType = UNSET
    transcription_language_code: WireName | UnsetType = UNSET


class WireLatency(_Part, frozen=True):
    """The payload of ``stt_latency`` and ``tts_latency``."""

    latency_ms: WireMs


class WireTurnLatency(_Part, frozen=True):
    """The platform's own figures of an answered turn, each if the platform gives it."""

    stt_ms: WireMs | UnsetType = UNSET
    eou_ms: WireMs | UnsetType = UNSET
    application_ms: WireMs | UnsetType = UNSET
    tts_ms: WireMs | UnsetType = UNSET
    response_ms: WireMs | UnsetType = UNSET


class WireTokens(_Part, frozen=True):
    """The payload of ``final_token_received``: completion tokens and words played."""

    total_tokens: int
    total_words: int | UnsetType = UNSET


class WireInterrupt(_Part, frozen=True):
    """The kind of an interruption."""

    type: Literal["SPEECH", "DTMF"]


class WireToolCall(_Part, frozen=True):
    """A tool that was called, without its arguments and its result."""

    name: WireName
    duration_ms: WireMs | UnsetType = UNSET
    ok: bool | UnsetType = UNSET


class WireError(_Part, frozen=True):
    """An error's code, without its message, which may hold anything."""

    error_code: WireName


class WireVendor(_Part, frozen=True):
    """Which vendor serves a stage from now on."""

    stage: WireName | UnsetType = UNSET
    serving: WireName | UnsetType = UNSET
    available: bool | UnsetType = UNSET


class WireHandoff(_Part, frozen=True):
    """A step of a hand-off to a human, without names and phone numbers."""

    kind: Literal["requested", "answered", "took_over", "released", "transferred"]
    ok: bool | UnsetType = UNSET
    mode: WireName | UnsetType = UNSET


class WireWrapUp(_Part, frozen=True):
    """The session's end."""

    duration_in_seconds: int | UnsetType = UNSET
    end_status: WireName | UnsetType = UNSET


class PinecallData(_Part, frozen=True, kw_only=True):
    """``data``: one event of one call. ``sequence_number`` is the same at every reading of the
    call's log; ``previous``: that of the event derived before, null for the first event and after
    a gap of the log. ``src_seq``: the log entry that the event is derived from. ``turn``: equal for
    all events of one turn of the call. The payload is the field with the event's name.
    """

    platform: Literal["pinecall"] = PINECALL_PLATFORM
    account: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    call: Annotated[str, Meta(min_length=1, max_length=256)]
    session: Annotated[str, Meta(min_length=1, max_length=256)]
    agent: Annotated[str, Meta(max_length=128)]
    env: WireName | UnsetType = UNSET
    sequence_number: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE_NUMBER)]
    previous: Annotated[int, Meta(ge=0, le=MAX_SEQUENCE_NUMBER)] | None
    src_seq: int | None = None
    timestamp: WireInstant
    basis: Basis
    name: Annotated[str, Meta(max_length=128)]
    turn: Annotated[int, Meta(ge=0, le=MAX_TURN)] | UnsetType = UNSET
    configurations: WireConfigurations | UnsetType = UNSET
    language_info: WireLanguage | UnsetType = UNSET
    language_changed: WireLanguage | UnsetType = UNSET
    stt_latency: WireLatency | UnsetType = UNSET
    tts_latency: WireLatency | UnsetType = UNSET
    turn_latency: WireTurnLatency | UnsetType = UNSET
    final_token_received: WireTokens | UnsetType = UNSET
    interrupt: WireInterrupt | UnsetType = UNSET
    tool_call: WireToolCall | UnsetType = UNSET
    error_event: WireError | UnsetType = UNSET
    vendor_switched: WireVendor | UnsetType = UNSET
    handoff: WireHandoff | UnsetType = UNSET
    call_wrap_up: WireWrapUp | UnsetType = UNSET


class PinecallEvent(_Part, frozen=True, kw_only=True):
    """A CloudEvent of one event of one call. Its ``id`` and bytes are the same at every reading."""

    specversion: Literal["1.0"]
    type: Literal["com.voiceinsights.pinecall.call-event"]
    source: str
    subject: str
    id: str
    time: WireInstant
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Literal["urn:voice-insights:pinecall-call-event:1"] = DATA_SCHEMA
    data: PinecallData

    @property
    def partition_key(self) -> str:
        """The key that sends all events of a call to one shard."""
        return self.data.call

    @property
    def sequence_number(self) -> int:
        """The event's number within its call."""
        return self.data.sequence_number


def pinecall_event(data: PinecallData) -> PinecallEvent:
    """Return the CloudEvent with these data."""
    return PinecallEvent(
        specversion="1.0",
        type=CALL_EVENT_TYPE,
        source=f"/pinecall/{data.agent}",
        subject=data.call,
        id=f"{data.call}/{data.sequence_number}",
        time=data.timestamp,
        data=data,
    )


def instant_text(ms: int) -> str:
    """Format an instant, in epoch ms, as the events hold it."""
    return format_ms(ms)


def encode_event(event: PinecallEvent) -> bytes:
    """Encode the event as JSON on one line, without a line end; equal events give equal bytes."""
    return _ENCODER.encode(event)


def pinecall_schema() -> dict[str, Any]:
    """Return the JSON schema of the CloudEvent."""
    parts = msgspec.json.schema(PinecallEvent)["$defs"]
    return {**parts.pop(PinecallEvent.__name__), "$defs": parts}


_ENCODER: Final = msgspec.json.Encoder()
