"""Maps a call's log to call events, entry by entry. Pure.

The same log gives the same events, live or read again, since the mapping depends on nothing but the
entries. So a bridge stores no state of a mapping: after a restart it reads a call from its first
entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from msgspec import UNSET

from worker.events.bounds import MAX_SEQUENCE_NUMBER
from worker.events.pinecall.cloud_event import (
    PinecallData,
    PinecallEvent,
    instant_text,
    pinecall_event,
)
from worker.pinecall.mapping import occurrences
from worker.pinecall.mapping.derived import SLOTS_PER_ENTRY, Derived
from worker.pinecall.mapping.providers import Providers
from worker.pinecall.mapping.replies import agent_turn, at_of, user_turn
from worker.pinecall.mapping.turns import Turn, Turns
from worker.pinecall.mapping.values import (
    LATEST_MS,
    OTHER_NAME,
    as_ms,
    fields,
    instant_s,
    named,
    turn_number,
)

WIRE_TYPES: Final = (
    *("call.started", "call.ended", "call.line", "call.transferred", "call.attached"),
    *("dtmf.received", "turn.user", "turn.agent", "metrics.llm", "metrics.tts"),
    *("tool.call", "tool.result", "error", "vendor.switched"),
    *("attention.requested", "attention.answered"),
    *("supervisor.took_over", "supervisor.released", "call.summary"),
)
"""The types of entry to request: those that are mapped, and those that end a call."""

MOST_NAMES: Final = 50
_WIRE_NAME: Final = re.compile(r"[A-Za-z0-9_.]{1,64}", re.ASCII)
_UNMAPPED: Final = frozenset(("call.attached", "call.summary"))
_MOST_SPEECHES: Final = 10_000
AGENT_LENGTH: Final = 128


class CallMapping:
    """Maps one call's log, in ascending order. ``account``: the operator's, ``[A-Za-z0-9_-]``.

    ``last_seq``: the greatest sequence number read. ``last_number``: the last event's number.
    ``skipped``: why the call is no voice call with a customer, and so has no events. ``dropped``:
    the number of entries that are not mapped, by name.
    """

    def __init__(
        self, account: str, call: str, settings: Mapping[str, object] | None = None
    ) -> None:
        self._account = account
        self._call = call
        self._settings = fields(fields(settings).get("config"))
        self._env: str | None = None
        self._turns = Turns()
        self._turns_seen: set[tuple[str, int]] = set()
        self._line = False, False
        self._providers = Providers()
        self.agent = ""
        self.last_seq = 0
        self.last_number: int | None = None
        self._previous: int | None = None
        self.ended = False
        self.ended_at: int | None = None
        self.skipped: str | None = None
        self.dropped: dict[str, int] = {}

    def lost(self) -> None:
        """Note that entries before the next one could not be read."""
        self._previous = None

    def read(self, entry: object) -> list[PinecallEvent]:
        """Return the events of one entry, by number; none for an entry that was read before."""
        whole = fields(entry)
        seq, kind = whole.get("seq"), whole.get("type")
        if type(seq) is not int or not isinstance(kind, str) or seq <= self.last_seq:
            return []
        at = instant_s(whole.get("ts"))
        if at is None or not 0 < seq <= MAX_SEQUENCE_NUMBER // SLOTS_PER_ENTRY - 1:
            return []
        self.last_seq = seq
        agent, data = whole.get("agent"), fields(whole.get("data"))
        if not self.agent and isinstance(agent, str):
            self.agent = named(agent) or ""
        self.skipped = self.skipped or _skipped(kind, data)
        step = _STEPS.get(kind)
        if kind == "call.ended":
            self.ended, self.ended_at = True, at_of(data.get("ended_at")) or as_ms(at)
        if step is None:
            self._drop(kind)
            return []
        if self.skipped is not None:
            return []
        derived = sorted(step(self, data, as_ms(at), kind), key=_slot)
        return [self._event(seq, one) for one in derived]

    def _event(self, seq: int, derived: Derived) -> PinecallEvent:
        number = seq * SLOTS_PER_ENTRY + derived.slot
        payload = {} if derived.payload is None else {derived.name: derived.payload}
        data = PinecallData(
            account=self._account,
            call=self._call,
            session=self._call,
            agent=self.agent,
            env=self._env or UNSET,
            sequence_number=number,
            previous=self._previous,
            src_seq=seq,
            timestamp=instant_text(min(max(derived.at, 0), LATEST_MS)),
            basis=derived.basis,
            name=derived.name,
            turn=UNSET if derived.turn is None else derived.turn,
            **payload,
        )
        self._previous = self.last_number = number
        return pinecall_event(data)

    def _drop(self, kind: str) -> None:
        if kind not in _UNMAPPED:
            name = dropped_name(kind, self.dropped)
            self.dropped[name] = self.dropped.get(name, 0) + 1

    def _first_time(self, kind: str, number: int | None) -> bool:
        """Whether a turn's entry is the first of its kind: a log may hold one twice."""
        if number is None:
            return True
        if (kind, number) in self._turns_seen:
            return False
        if len(self._turns_seen) < _MOST_SPEECHES:
            self._turns_seen.add((kind, number))
        return True

    def _started(self, data: dict[str, Any], at: int, _kind: str) -> Iterator[Derived]:
        self._env = named(data.get("env"))
        yield occurrences.started(data, at, self._settings)

    def _ringing(self, _data: dict[str, Any], _at: int, _kind: str) -> Iterator[Derived]:
        """Give no event: the entry only says what kind of call this is."""
        return iter(())

    def _user_turn(self, data: dict[str, Any], at: int, kind: str) -> Iterator[Derived]:
        number = turn_number(self._call, data.get("speech_id"))
        if not self._first_time(kind, number):
            return
        metrics = fields(data.get("metrics"))
        started = at_of(metrics.get("started_speaking_at")) or at
        stopped = at_of(metrics.get("stopped_speaking_at")) or at
        yield from self._providers.transcribing(0, started, fields(metrics.get("stt_metadata")))
        yield from self._providers.language(3, stopped, named(data.get("language")))
        turn = None if number is None else self._turns.of(number)
        yield from user_turn(data, at, number, turn)

    def _agent_turn(self, data: dict[str, Any], at: int, kind: str) -> Iterator[Derived]:
        number = turn_number(self._call, data.get("speech_id"))
        if not self._first_time(kind, number):
            return
        metrics = fields(data.get("metrics"))
        started = at_of(metrics.get("started_speaking_at")) or at
        yield from self._providers.speaking(1, started, fields(metrics.get("tts_metadata")))
        turn = Turn() if number is None else self._turns.of(number)
        yield from agent_turn(data, at, number, turn)

    def _piece(self, data: dict[str, Any], at: int, kind: str) -> Iterator[Derived]:
        """Note a fact of a turn whose own entry follows later."""
        number = turn_number(self._call, data.get("speech_id"))
        if number is not None:
            turn = self._turns.of(number)
            if kind == "metrics.llm":
                turn.request(data)
            elif kind == "metrics.tts":
                turn.synthesis(data)
            else:
                turn.tool(at / 1000)
        return iter(())

    def _call_line(self, data: dict[str, Any], at: int, _kind: str) -> Iterator[Derived]:
        held, muted = data.get("held") is True, data.get("muted") is True
        before, self._line = self._line, (held, muted)
        if held != before[0]:
            yield Derived(0, "call_held" if held else "call_unheld", at)
        if muted != before[1]:
            yield Derived(1, "call_muted" if muted else "call_unmuted", at)

    def _dtmf(self, _data: dict[str, Any], at: int, _kind: str) -> Iterator[Derived]:
        yield Derived(0, "dtmf", at)

    def _handoff(self, data: dict[str, Any], at: int, kind: str) -> Iterator[Derived]:
        yield occurrences.handoff(data, at, kind)


def _alone(read: Callable[[dict[str, Any], int], Derived]) -> _Step:
    """Return the step of a type of entry that gives one event, whatever precedes it."""

    def step(_: CallMapping, data: dict[str, Any], at: int, _kind: str) -> Iterator[Derived]:
        yield read(data, at)

    return step


def dropped_name(kind: str, known: Collection[str]) -> str:
    """Return the name to count an unmapped entry or frame by. ``known``: the names so far."""
    if not _WIRE_NAME.fullmatch(kind) or (kind not in known and len(known) >= MOST_NAMES):
        return OTHER_NAME
    return kind


def _skipped(kind: str, data: dict[str, Any]) -> str | None:
    """Return why a call is not mapped, if this entry says so."""
    if kind not in ("call.ringing", "call.dialing", "call.started"):
        return None
    if data.get("medium") == "text":
        return "text"
    if data.get("channel") == "whatsapp":
        return "whatsapp"
    return "simulation" if data.get("run") or data.get("persona") else None


def _slot(derived: Derived) -> int:
    return derived.slot


_Step = Callable[[CallMapping, dict[str, Any], int, str], Iterator[Derived]]
_STEPS: Final[dict[str, _Step]] = {
    "call.ringing": CallMapping._ringing,
    "call.dialing": CallMapping._ringing,
    "call.started": CallMapping._started,
    "call.ended": _alone(occurrences.ended),
    "call.line": CallMapping._call_line,
    "dtmf.received": CallMapping._dtmf,
    "turn.user": CallMapping._user_turn,
    "turn.agent": CallMapping._agent_turn,
    **dict.fromkeys(("metrics.llm", "metrics.tts", "tool.call"), CallMapping._piece),
    "tool.result": _alone(occurrences.tool_result),
    "error": _alone(occurrences.error),
    "vendor.switched": _alone(occurrences.vendor_switched),
    **dict.fromkeys(occurrences.HANDOFFS, CallMapping._handoff),
}
