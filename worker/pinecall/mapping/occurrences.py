"""Maps log entries that give an event of their own, whatever surrounds them. Pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from worker.events.pinecall.cloud_event import (
    WireConfigurations,
    WireError,
    WireHandoff,
    WireSettings,
    WireToolCall,
    WireVendor,
    WireWrapUp,
)
from worker.pinecall.mapping.derived import Derived
from worker.pinecall.mapping.replies import at_of, ms_of
from worker.pinecall.mapping.values import fields, named, rounded, seconds

STATUS_BY_REASON: Final = {
    "caller_hung_up": "hung_up",
    **dict.fromkeys(("agent_hung_up", "supervisor_ended", "transferred", "timeout"), "ended"),
    **dict.fromkeys(("no_answer", "busy", "dial_failed", "error"), "failure"),
}
"""A call's end status by the log's reason; any other reason is kept as it is."""

HANDOFFS: Final[dict[str, Any]] = {
    "attention.requested": "requested",
    "attention.answered": "answered",
    "supervisor.took_over": "took_over",
    "supervisor.released": "released",
    "call.transferred": "transferred",
}


def started(data: dict[str, Any], at: int, settings: dict[str, Any]) -> Derived:
    """The call begins, with the providers that its settings name."""
    stt, tts = fields(settings.get("stt")), fields(settings.get("tts"))
    part = WireSettings(
        channel=named(data.get("channel")) or UNSET,
        direction=named(data.get("direction")) or UNSET,
        transcriptionProvider=named(stt.get("provider")) or UNSET,
        speechProvider=named(stt.get("model")) or UNSET,
        ttsProvider=named(tts.get("provider")) or UNSET,
        voice=named(tts.get("voice")) or UNSET,
    )
    when = at_of(data.get("started_at")) or at
    return Derived(0, "configurations", when, payload=WireConfigurations(part))


def tool_result(data: dict[str, Any], at: int) -> Derived:
    """A tool has given a result, or failed."""
    duration = ms_of(data.get("duration_s"))
    part = WireToolCall(
        named(data.get("name")) or "unknown",
        UNSET if duration is None else duration,
        data.get("error") is None,
    )
    return Derived(0, "tool_call", at, payload=part)


def error(data: dict[str, Any], at: int) -> Derived:
    """An error, without its message."""
    return Derived(0, "error_event", at, payload=WireError(named(data.get("code")) or "unknown"))


def vendor_switched(data: dict[str, Any], at: int) -> Derived:
    """Another vendor serves a stage."""
    available = data.get("available")
    part = WireVendor(
        named(data.get("stage")) or UNSET,
        named(data.get("serving")) or UNSET,
        available if isinstance(available, bool) else UNSET,
    )
    return Derived(0, "vendor_switched", at, payload=part)


def handoff(data: dict[str, Any], at: int, kind: str) -> Derived:
    """A step of a hand-off."""
    ok = data.get("ok")
    part = WireHandoff(
        HANDOFFS[kind], ok if isinstance(ok, bool) else UNSET, named(data.get("mode")) or UNSET
    )
    return Derived(0, "handoff", at, payload=part)


def ended(data: dict[str, Any], at: int) -> Derived:
    """The call has ended."""
    duration, reason = seconds(data.get("duration_s")), named(data.get("reason"))
    status = None if reason is None else STATUS_BY_REASON.get(reason, reason)
    part = WireWrapUp(UNSET if duration is None else rounded(duration), status or UNSET)
    return Derived(0, "call_wrap_up", at_of(data.get("ended_at")) or at, payload=part)
