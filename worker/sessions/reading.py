"""Reading a session: from the set of its events to samples, turn rows and facts.

A reading is a function of the set of events alone: delivery order, duplication and shards
leave no trace in it. Metrics and the session record are both made from it, so that what
CloudWatch shows and what a record says can't disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import msgspec

from worker.events.event import KNOWN_NAMES, Payload
from worker.sessions.context import Context, ContextWalk, plain
from worker.sessions.log import Ordered, Row, in_order
from worker.sessions.rows import TurnRow, TurnRows
from worker.sessions.turns import TurnWalk

MAX_LATENCY_MS: Final = 600_000
MAX_COUNT: Final = 1 << 53
MAX_ERRORS: Final = 50
MAX_UNKNOWN_NAMES: Final = 50


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One sample: ``value`` in the metric's scaled integers, at the event's epoch ms.

    ``own`` is the value of the metric's own dimension, if it has one.
    """

    metric: str
    time: int
    value: int
    own: str | None
    context: Context


class SessionError(NamedTuple):
    """An error the session reported; ``at`` in epoch ms."""

    code: int | str | None
    message: str
    at: int


class Reading:
    """What a session's events say, up to the last of them."""

    def __init__(self, base: int, ordered: Ordered) -> None:
        self.direct: list[Sample] = []
        """Samples that one event alone decides."""
        self.turn: list[Sample] = []
        """Samples that neighbouring events decide."""
        self.first = base + ordered.rows[0].timestamp
        self.last = base + ordered.rows[-1].timestamp
        self.ordered = ordered
        self.errors: list[SessionError] = []
        self.unknown: dict[str, int] = {}
        self.wrap_up: Payload | None = None
        self.configuration: dict[str, Any] = {}
        self.tokens = self.words = self.replies = 0
        self.cut = 0
        """Names and languages that are beyond what a session may have of them."""
        self._context = ContextWalk()
        self._rows = TurnRows()
        self._rows.language = self._context.current.language
        self.turns = TurnWalk(self._emit_turn, self._rows)

    @property
    def samples(self) -> list[Sample]:
        """All samples."""
        return self.direct + self.turn

    @property
    def context(self) -> Context:
        """The context at the end."""
        return self._context.current

    @property
    def rows(self) -> list[TurnRow]:
        """The turn rows by time."""
        return sorted(self._rows.rows, key=lambda row: row.at)

    @property
    def rows_omitted(self) -> int:
        """How many turn rows there would be beyond those kept."""
        return self._rows.omitted

    @property
    def duration_s(self) -> int | None:
        """The session's duration in s as its wrap-up gives it."""
        return count_of((self.wrap_up or {}).get("duration_in_seconds"))

    @property
    def longest_silence(self) -> int:
        """The longest stretch in which neither side speaks, in ms."""
        return self.turns.end_of_silence(self.last)

    def walk(self, base: int, *, closing: bool) -> None:
        """Go through the events; with ``closing``, also through what their end decides."""
        self.turns.silent_since = self.first
        self._emit("SessionsStarted", self.first, 1)
        context, direct, turns = self._context, self.direct.append, self.turns
        for row in self.ordered.rows:
            t, name = base + row.timestamp, row.name
            direct(Sample("DeliveryDelay", t, row.delay, None, context.current))
            if not isinstance(name, int):
                self._unknown(name)
            elif (step := _STEPS[name]) is not None:
                step(self, t, row.payload or {})
            elif (turn_step := _TURN_STEPS[name]) is not None:
                turn_step(turns, t)
        if closing:
            self.turns.close(self.last)

    def _emit(self, metric: str, t: int, value: int, own: str | None = None) -> None:
        self.direct.append(Sample(metric, t, value, own, self._context.current))

    def _emit_turn(self, metric: str, t: int, value: int) -> None:
        self.turn.append(Sample(metric, t, value, None, self._context.current))

    def _prompt_sent(self, t: int, _payload: Payload) -> None:
        self._emit("Prompts", t, 1)
        self.turns.prompt_sent(t)

    def _stt_latency(self, t: int, payload: Payload) -> None:
        self._latency("SttLatency", "stt_ms", t, payload)

    def _tts_latency(self, t: int, payload: Payload) -> None:
        self._latency("TtsLatency", "tts_ms", t, payload)

    def _latency(
        self, metric: str, field: Literal["stt_ms", "tts_ms"], t: int, payload: Payload
    ) -> None:
        value = payload.get("latency_ms")
        if type(value) is not int or not 0 <= value <= MAX_LATENCY_MS:
            self._emit("InvalidLatencies", t, 1)
            return
        self._emit(metric, t, value)
        self._rows.latency(field, value)

    def _final_token(self, t: int, payload: Payload) -> None:
        self.replies += 1
        tokens, words = count_of(payload.get("total_tokens")), count_of(payload.get("total_words"))
        if tokens is not None:
            self.tokens += tokens
            self._emit("Tokens", t, tokens)
        if words is not None:
            self.words += words
            self._emit("Words", t, words)
        self.turns.final_token_received(t, tokens)

    def _interrupt(self, t: int, payload: Payload) -> None:
        kind = payload.get("type")
        self._emit("Interruptions", t, 1, kind if kind in ("SPEECH", "DTMF") else "UNKNOWN")
        self.turns.interrupt(t)

    def _configurations(self, t: int, payload: Payload) -> None:
        self._context.configurations(payload)
        self._rows.language = self._context.current.language
        self.configuration = payload.get("configurations") or {}
        self.cut += payload.get("omitted_languages", 0)
        self.turns.configured(t)

    def _language_info(self, _t: int, payload: Payload) -> None:
        self._context.language(payload)
        self._rows.language = self._context.current.language

    def _language_changed(self, t: int, payload: Payload) -> None:
        self._language_info(t, payload)
        self._emit("LanguageChanges", t, 1)

    def _error(self, t: int, payload: Payload) -> None:
        code = payload.get("error_code")
        if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) < 16:
            code = int(code)
        if type(code) is not int:
            code = plain(code) if isinstance(code, str) else None
        self._emit("Errors", t, 1, "unknown" if code is None else str(code))
        if len(self.errors) < MAX_ERRORS:
            message = payload.get("message")
            self.errors.append(SessionError(code, message if isinstance(message, str) else "", t))

    def _wrap_up(self, _t: int, payload: Payload) -> None:
        self.wrap_up = payload

    def _unknown(self, name: str) -> None:
        if name not in self.unknown and len(self.unknown) >= MAX_UNKNOWN_NAMES:
            name = "other"
            self.cut += 1
        self.unknown[name] = self.unknown.get(name, 0) + 1


def read(rows: list[Row], base: int, *, closing: bool) -> Reading:
    """Read a session from its rows in any order; ``base`` in epoch ms, at least one row."""
    reading = Reading(base, in_order(rows))
    reading.walk(base, closing=closing)
    return reading


def count_of(value: object) -> int | None:
    """A count as the events give it: an integer from 0 up to 2**53; None if it is none."""
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


_Step = Callable[[Reading, int, Payload], None]


def _count(metric: str) -> _Step:
    def run(reading: Reading, t: int, _payload: Payload) -> None:
        reading._emit(metric, t, 1)

    return run


_TURN_STEP_BY_NAME: Final[dict[str, Callable[[TurnWalk, int], None]]] = {
    "start_of_customer_speech": TurnWalk.start_of_customer_speech,
    "end_of_customer_speech": TurnWalk.end_of_customer_speech,
    "start_of_agent_speech": TurnWalk.start_of_agent_speech,
    "end_of_agent_speech": TurnWalk.end_of_agent_speech,
    "first_token_received": TurnWalk.first_token_received,
}
_STEP_BY_NAME: Final[dict[str, _Step]] = {
    "prompt_sent": Reading._prompt_sent,
    "final_token_received": Reading._final_token,
    "stt_latency": Reading._stt_latency,
    "tts_latency": Reading._tts_latency,
    "interrupt": Reading._interrupt,
    "preempted": _count("Preemptions"),
    "dtmf": _count("DtmfReceived"),
    "digit": _count("DigitsSent"),
    "play_media": _count("MediaRequested"),
    "configurations": Reading._configurations,
    "language_changed": Reading._language_changed,
    "language_info": Reading._language_info,
    "error_event": Reading._error,
    "call_wrap_up": Reading._wrap_up,
}
_TURN_STEPS: Final = tuple(_TURN_STEP_BY_NAME.get(name) for name in KNOWN_NAMES)
_STEPS: Final = tuple(
    None if name in _TURN_STEP_BY_NAME else _STEP_BY_NAME[name] for name in KNOWN_NAMES
)
