"""Maps frames of the vendor's older SDK to call events, of all calls of one stream. Pure.

Frames hold less than a call's log. Few have a time of their own; none says when a model or a
synthesis began to answer, or which reply belongs to which prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import UNSET

from worker.events.bounds import MAX_SEQUENCE_NUMBER
from worker.events.pinecall.cloud_event import (
    Basis,
    PinecallData,
    PinecallEvent,
    WireConfigurations,
    WireError,
    WireInterrupt,
    WireSettings,
    WireWrapUp,
    instant_text,
    pinecall_event,
)
from worker.pinecall.mapping.call_log import dropped_name
from worker.pinecall.mapping.derived import Derived
from worker.pinecall.mapping.occurrences import STATUS_BY_REASON
from worker.pinecall.mapping.replies import at_of
from worker.pinecall.mapping.values import (
    LATEST_MS,
    count,
    fields,
    ident,
    named,
    rounded,
    seconds,
)

VOICE: Final = ("phone", "webrtc")
"""The transports of calls; sessions on any other transport are not mapped."""

MOST_CALLS: Final = 10_000
_MOST_WAITING: Final = 1_000
_MOST_SEEN: Final = 100_000
_ONCE: Final = ("call.started", "call.ended")
_UNMARKED: Final = ("", "")

_ENDINGS: Final = STATUS_BY_REASON | {
    **dict.fromkeys(("hangup", "client_hangup"), "hung_up"),
    **dict.fromkeys(("timeout", "idle_timeout", "max_duration"), "ended"),
    **dict.fromkeys(("no_answer", "busy", "failed"), "failure"),
}


class _Call:
    """One call so far. Times in epoch ms."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.agent = ""
        self.voice: bool | None = None
        """Whether the session is a voice call; None until a frame says so."""
        self.number = 0
        self.latest: int | None = None
        """The greatest time that a frame has named."""
        self.waiting: list[tuple[str, dict[str, Any]]] = []
        """Frames before any time was known."""
        self.seen: set[tuple[str, str]] = set()
        self.speaking: dict[str, int] = {}
        """When the audio of each message began."""


class FrameMapping:
    """Maps all calls of one stream of frames, in their order. ``account``: the operator's.

    ``dropped``: the number of frames that are not mapped, by name.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._calls: dict[str, _Call] = {}
        self.dropped: dict[str, int] = {}

    def read(self, event: str, data: object, arrival: int | None) -> list[PinecallEvent]:
        """Return the events of one frame, and of earlier ones that had to wait for a time.

        ``arrival``: when the frame came, in epoch ms, if that is known.
        """
        said = fields(data)
        call = self._call(said)
        if call is None:
            return []
        step = _STEPS.get(event)
        own = at_of(said.get("ts"))
        if own is not None:
            call.latest = own if call.latest is None else max(call.latest, own)
        released: list[PinecallEvent] = []
        if call.latest is not None and call.waiting:
            waiting, call.waiting = call.waiting, []
            for name, waited in waiting:
                released += self._events(call, name, waited, call.latest, "preceding")
        if step is None:
            self._drop(event)
            return released
        if own is not None:
            return released + self._events(call, event, said, own, "reported")
        if call.latest is not None:
            return released + self._events(call, event, said, call.latest, "preceding")
        if arrival is not None:
            return released + self._events(call, event, said, arrival, "arrival")
        if len(call.waiting) < _MOST_WAITING:
            call.waiting.append((event, said))
        return released

    def _call(self, said: dict[str, Any]) -> _Call | None:
        """Return a frame's call; None if it has none, or only a session that is no call."""
        name = ident(said.get("callId"))
        if not name:
            return None
        call = self._calls.get(name)
        if call is None:
            if len(self._calls) >= MOST_CALLS:
                del self._calls[next(iter(self._calls))]
            call = self._calls[name] = _Call(name)
        transport = said.get("transport")
        if call.voice is None and isinstance(transport, str):
            call.voice = transport in VOICE
        if not call.agent:
            call.agent = named(said.get("agent")) or ""
        return call if call.voice else None

    def _events(
        self, call: _Call, event: str, said: dict[str, Any], at: int, basis: Basis
    ) -> list[PinecallEvent]:
        mark = _mark(event, said)
        if mark is None or mark in call.seen:
            return []
        if mark != _UNMARKED and len(call.seen) < _MOST_SEEN:
            call.seen.add(mark)
        return [self._event(call, one) for one in _STEPS[event](call, said, at, basis)]

    def _event(self, call: _Call, derived: Derived) -> PinecallEvent:
        previous = call.number or None
        call.number = min(call.number + 1, MAX_SEQUENCE_NUMBER)
        payload = {} if derived.payload is None else {derived.name: derived.payload}
        return pinecall_event(
            PinecallData(
                account=self._account,
                call=call.call,
                session=call.call,
                agent=call.agent,
                sequence_number=call.number,
                previous=previous,
                timestamp=instant_text(min(max(derived.at, 0), LATEST_MS)),
                basis=derived.basis,
                name=derived.name,
                **payload,
            )
        )

    def _drop(self, event: str) -> None:
        name = dropped_name(event, self.dropped)
        self.dropped[name] = self.dropped.get(name, 0) + 1


def _mark(event: str, said: dict[str, Any]) -> tuple[str, str] | None:
    """Return the key that a frame shares with its repeats only, ``_UNMARKED`` for a frame that is
    never repeated; None for a frame of a message that has no id.
    """
    message = ident(said.get("messageId"))
    if event.startswith(("bot.", "message.", "reply.")):
        return (event, message) if message else None
    for name in ("seq", "ts", "id"):
        if isinstance(value := said.get(name), int | float):
            return event, f"{name} {value!r}"
    return (event, message) if message or event in _ONCE else _UNMARKED


_Frame = Callable[[_Call, dict[str, Any], int, Basis], Iterator[Derived]]


def _started(_: _Call, said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
    part = WireSettings(
        channel=named(said.get("transport")) or UNSET,
        direction=named(said.get("direction")) or UNSET,
    )
    yield Derived(0, "configurations", at, basis, payload=WireConfigurations(part))


def _plain(name: str) -> _Frame:
    def read(_: _Call, _said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
        yield Derived(0, name, at, basis)

    return read


def _speaking(call: _Call, said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
    call.speaking[ident(said.get("messageId"))] = at
    yield Derived(0, "start_of_agent_speech", at, basis)


def _finished(call: _Call, said: dict[str, Any], _at: int, _basis: Basis) -> Iterator[Derived]:
    """End the reply's audio: the frame comes earlier, and says how long the audio lasts."""
    began = call.speaking.pop(ident(said.get("messageId")), None)
    duration = count(said.get("durationMs"))
    if began is not None and duration is not None:
        yield Derived(0, "end_of_agent_speech", began + duration, "derived")


def _interrupted(call: _Call, said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
    began = call.speaking.pop(ident(said.get("messageId")), None)
    played = count(said.get("playedMs"))
    if began is not None and played is not None:
        at, basis = began + played, "derived"
    yield Derived(0, "interrupt", at, basis, payload=WireInterrupt("SPEECH"))
    if began is not None:
        yield Derived(1, "end_of_agent_speech", at, basis)


def _failed(_: _Call, said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
    code = named(said.get("code")) or "unknown"
    yield Derived(0, "error_event", at, basis, payload=WireError(code))


def _ended(_: _Call, said: dict[str, Any], at: int, basis: Basis) -> Iterator[Derived]:
    duration, reason = seconds(said.get("duration")), named(said.get("reason"))
    status = None if reason is None else _ENDINGS.get(reason, reason)
    part = WireWrapUp(UNSET if duration is None else rounded(duration), status or UNSET)
    yield Derived(0, "call_wrap_up", at, basis, payload=part)


_STEPS: Final[dict[str, _Frame]] = {
    "call.started": _started,
    "speech.started": _plain("start_of_customer_speech"),
    "speech.ended": _plain("end_of_customer_speech"),
    "turn.end": _plain("prompt_sent"),
    "bot.speaking": _speaking,
    "bot.finished": _finished,
    "bot.interrupted": _interrupted,
    "message.aborted": _plain("preempted"),
    "reply.rejected": _plain("preempted"),
    "call.dtmf_received": _plain("dtmf"),
    "call.dtmf_sent": _plain("digit"),
    "call.error": _failed,
    "error": _failed,
    "call.ended": _ended,
}
