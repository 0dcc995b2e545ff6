"""An organisation at Pinecall, as its interface of call logs shows it: for the stub that serves it.

At any instant the entries written so far can be read: a call's log grows as time goes on, and is
sealed once its last entry is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import Any, Final, NamedTuple

from worker.testing.pinecall_call import CallLogEntry, PinecallCall

ALWAYS: Final = frozenset({"log.gap", "log.caught_up", "call.ended", "call.score"})
"""Entries that no filter holds back."""

_FLOOR: Final = frozenset({"call.ringing", "call.dialing", "call.started", "call.ended"})
_LAST: Final = "call.score"


class StubFaults(NamedTuple):
    """The rates (0 to 1) of faults. Of requests: answered 429, or 503, or not at all. Of entries on
    a stream: the connection drops after the entry; the entry and some more are left out, behind a
    ``log.gap``; the entry is sent twice.
    """

    throttled: float = 0.0
    out_of_order: float = 0.0
    unanswered: float = 0.0
    drops: float = 0.0
    gaps: float = 0.0
    repeats: float = 0.0


@dataclass(slots=True)
class StubAccount:
    """``calls``: by id. ``now``: epoch seconds. ``status``: what every request is answered with,
    in place of an answer, None for none; ``missing``: calls whose logs aren't there. ``asked``:
    paths that were asked for, with how often each.
    """

    calls: dict[str, PinecallCall]
    now: Callable[[], float]
    faults: StubFaults = field(default_factory=StubFaults)
    rng: Random = field(default_factory=lambda: Random(1))
    status: int | None = None
    missing: frozenset[str] = frozenset()
    asked: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def happens(self, rate: float) -> bool:
        """Draw whether a fault of this rate occurs. For any thread."""
        if not rate:
            return False
        with self._lock:
            return self.rng.random() < rate

    def note(self, path: str) -> None:
        """Count a request."""
        with self._lock:
            self.asked[path] = self.asked.get(path, 0) + 1

    def entries(self, call: str, after: int, query: Mapping[str, str]) -> list[CallLogEntry]:
        """Return the entries of a call's log written so far, by the filter of a query."""
        only = set(query["types"].split(",")) | ALWAYS if "types" in query else None
        return [
            entry
            for entry in self._there(self.calls[call])
            if entry["seq"] > after and (only is None or entry["type"] in only)
        ]

    def last(self, call: str) -> int:
        """The sequence number of the last entry that is there; 0 if none is."""
        return max((entry["seq"] for entry in self._there(self.calls[call])), default=0)

    def is_sealed(self, call: str) -> bool:
        """Whether no more entries can follow."""
        return any(entry["type"] == _LAST for entry in self._there(self.calls[call]))

    def rows(self) -> list[dict[str, Any]]:
        """Return the list of calls, the newest first; those that have not begun come last."""
        rows = [self._row(one) for one in self.calls.values() if self._there(one)]
        return sorted(rows, key=_begin, reverse=True)

    def floor(self, since: float, until: float) -> list[CallLogEntry]:
        """Return the entries on beginnings and ends between two instants."""
        return [
            entry
            for one in self.calls.values()
            for entry in one.entries
            if since < entry["ts"] <= until and entry["type"] in _FLOOR
        ]

    def _there(self, one: PinecallCall) -> list[CallLogEntry]:
        now = self.now()
        return [entry for entry in one.entries if entry["ts"] <= now]

    def _row(self, one: PinecallCall) -> dict[str, Any]:
        there = self._there(one)
        by_kind = {entry["type"]: entry["data"] for entry in there}
        started, ended = by_kind.get("call.started", {}), by_kind.get("call.ended", {})
        ringing = by_kind.get("call.ringing", {})
        return {
            "call": one.call,
            "agent": one.entries[0]["agent"],
            "live": _LAST not in by_kind,
            "last_seq": there[-1]["seq"],
            "status": "ended" if ended else "active" if started else "ringing",
            "channel": ringing.get("channel"),
            "direction": started.get("direction"),
            "from": ringing.get("from"),
            "to": ringing.get("to"),
            "caller": ringing.get("caller"),
            "started_at": started.get("started_at"),
            "ended_at": ended.get("ended_at"),
            "end_reason": ended.get("reason"),
            "outcome": by_kind.get("call.summary", {}).get("outcome"),
            "cost": None,
        }


def account_of(calls: Iterable[PinecallCall], now: Callable[[], float]) -> StubAccount:
    """An account with these calls."""
    return StubAccount({one.call: one for one in calls}, now)


def call_of_entries(entries: Iterable[CallLogEntry]) -> PinecallCall:
    """A call whose durable entries these are, such as those of a recorded log."""
    kept = sorted((one for one in entries if not one.get("ephemeral")), key=lambda one: one["seq"])
    return PinecallCall(kept[0]["call"], kept)


def entries_of_sse(text: str) -> list[CallLogEntry]:
    """The entries of a recorded stream."""
    return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]


def _begin(row: Mapping[str, Any]) -> tuple[float, str]:
    started = row["started_at"]
    return (-1.0 if started is None else started, row["call"])
