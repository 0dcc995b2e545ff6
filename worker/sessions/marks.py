"""What happens in a session beside what is spoken, for whoever draws a call. Pure."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from worker.events.event import EVENT_CODES
from worker.events.payload import (
    Failed,
    HandedOff,
    Interrupted,
    LanguageChanged,
    Payload,
    ToolCalled,
    VendorSwitched,
)
from worker.sessions.event_log import LoggedEvent

What = Literal[
    "interrupt",
    "preempted",
    "dtmf",
    "digit",
    "play_media",
    "language_changed",
    "error_event",
    "call_held",
    "call_unheld",
    "call_muted",
    "call_unmuted",
    "handoff",
    "tool_call",
    "vendor_switched",
]


class TimelineEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Something that a timeline shows; in a record's line it is an array of its fields."""


class TimelineMark(TimelineEntry, frozen=True, gc=False):
    """Something that happens; ``detail``: what broke in, the new language, the error's code, the
    tool, the new vendor, or whether a hand-off begins or ends.
    """

    at: int
    what: What
    detail: str | None


def marks_of(first: int, rows: list[LoggedEvent]) -> list[TimelineMark]:
    """The marks among a session's events in order; ``first``: the time of its first event."""
    return [
        TimelineMark(row.timestamp - first, MARKS[row.name], _detail(row.payload))
        for row in rows
        if row.name in MARKS
    ]


def _detail(payload: Payload | None) -> str | None:
    match payload:
        case Interrupted():
            return payload.kind
        case LanguageChanged():
            return payload.spoken or payload.heard
        case Failed():
            return None if payload.code is None else str(payload.code)
        case ToolCalled():
            return payload.name
        case VendorSwitched():
            return payload.serving
        case HandedOff():
            return payload.step
    return None


MARKS: Final[dict[int | str, What]] = {EVENT_CODES[what]: what for what in get_args(What)}
"""What each mark is called, by its event's code."""
