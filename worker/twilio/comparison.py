"""Comparison of a session record with Twilio's summary of the same session, by field. Pure.

Fields that are equal by definition must be equal, except for rounding. A difference is explained
if the definitions differ, or if the record itself says that it can't know; otherwise the field is
different. Averages of network latency, first audio, tokens per second and words per minute are not
compared, because their definitions are not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from worker.sessions.schema import SessionRecord
from worker.twilio.summaries import AgentSession, Interruptions, Spread, Total

FieldVerdict = Literal["equal", "explained", "different"]

DifferenceReason = Literal[
    "ambiguous replies",
    "in doubt",
    "missing events",
    "no sample",
    "invalid latencies",
    "conflicting events",
    "no wrap-up",
    "record in parts",
    "partial summary",
    "no summary yet",
    "within tolerance",
]
"""The reasons that explain a difference: replies that can't be attributed; prompts, turns or waits
in doubt because of lost events; events that the record lacks; no sample, Twilio's 0/0/0; latencies
out of bounds, which are not samples; two events with one identity; a session without
``call_wrap_up``; a session whose events went on after the worker had expired it; a summary, or a
call, that Twilio hasn't finished; turns, which Twilio counts differently, so that near is equal.
"""


class ComparedField(NamedTuple):
    """A field of a session. ``ours`` and ``theirs`` are texts for people."""

    field: str
    verdict: FieldVerdict
    ours: str
    theirs: str
    reason: DifferenceReason | None = None


class SessionCompared(NamedTuple):
    """A session and its fields. Without a counterpart it has the single field ``session``."""

    call_sid: str
    session_id: str
    fields: tuple[ComparedField, ...]

    @property
    def verdict(self) -> FieldVerdict:
        """The worst verdict of the fields."""
        verdicts = {one.verdict for one in self.fields}
        return (
            "different"
            if "different" in verdicts
            else ("explained" if "explained" in verdicts else "equal")
        )


class _Completeness(msgspec.Struct, frozen=True):
    conflicts: int = 0
    first_sequence: int = 0
    missing: int = 0
    cut: int = 0


class _Latency(msgspec.Struct, frozen=True):
    stt: Spread | None = None
    tts: Spread | None = None
    application: Spread | None = None


class _Tokens(msgspec.Struct, frozen=True):
    total: int = 0
    words: int = 0


class _Interruptions(msgspec.Struct, frozen=True):
    by_customer: int = 0
    by_agent: int = 0


class _Record(msgspec.Struct, frozen=True):
    """The fields of a session record that are compared or explain a difference."""

    latency_ms: _Latency
    tokens: _Tokens
    interruptions: _Interruptions
    completeness: _Completeness
    turns: int = 0
    ambiguous_turns: int = 0
    ambiguous_replies: int = 0
    unattributed_replies: int = 0
    invalid_latencies: int = 0
    doubtful_turns: int = 0
    doubtful_prompts: int = 0
    continued: bool = False
    end_status: str | None = None


_ROUNDING: Final = 0.5
"""Milliseconds; how Twilio rounds averages is not known."""

_FEW_TURNS: Final = 2
_SHARE_OF_TURNS: Final = 0.2
"""The tolerated difference of Twilio's turns (customer starts, then agent starts) from ours."""

_FIRST_NUMBERS: Final = frozenset({0, 1})


def compare(record: SessionRecord, theirs: AgentSession, *, partial: bool) -> SessionCompared:
    """Compare all fields of a session. ``partial``: Twilio hasn't finished the call's summary."""
    ours = msgspec.convert(record, _Record, from_attributes=True)
    found = tuple(_fields(ours, theirs))
    excuse: DifferenceReason | None = "partial summary" if partial else None
    return SessionCompared(
        record.call_sid, record.session_id, tuple(_excused(one, excuse) for one in found)
    )


def without_summary(record: SessionRecord, *, recent: bool) -> SessionCompared:
    """The comparison of a session without a summary. ``recent``: there may be one soon."""
    reason: DifferenceReason | None = "no summary yet" if recent else None
    found = ComparedField(
        "session", "explained" if recent else "different", record.session_id, "-", reason
    )
    return SessionCompared(record.call_sid, record.session_id, (found,))


def without_record(call_sid: str, theirs: AgentSession) -> SessionCompared:
    """The comparison of a session without a record, in a call that has records."""
    found = ComparedField("session", "different", "-", theirs.session_id)
    return SessionCompared(call_sid, theirs.session_id, (found,))


def _excused(one: ComparedField, reason: DifferenceReason | None) -> ComparedField:
    if reason is None or one.verdict != "different":
        return one
    return one._replace(verdict="explained", reason=reason)


def _fields(ours: _Record, theirs: AgentSession) -> Iterator[ComparedField]:
    lost = list(_lost(ours))
    invalid: list[DifferenceReason] = ["invalid latencies"] if ours.invalid_latencies else []
    latency, interruptions = ours.latency_ms, theirs.interruptions or Interruptions()
    yield _spread("stt_latency_ms", latency.stt, theirs.stt_latency_ms, [*invalid, *lost])
    yield _spread("tts_latency_ms", latency.tts, theirs.tts_latency_ms, [*invalid, *lost])
    yield _spread(
        "application_latency_ms",
        latency.application,
        theirs.application_latency_ms,
        [*_unattributed(ours), *lost],
    )
    tokens, words = theirs.tokens or Total(), theirs.words or Total()
    yield _count("tokens", ours.tokens.total, tokens.total, lost)
    yield _count("words", ours.tokens.words, words.total, lost)
    yield _turns(ours, theirs.turns, lost)
    yield _count(
        "interruptions_by_customer",
        ours.interruptions.by_customer,
        interruptions.customer_to_agent,
        lost,
    )
    yield _count(
        "interruptions_by_agent", ours.interruptions.by_agent, interruptions.agent_to_customer, lost
    )
    yield _status(ours.end_status, theirs.session_state, lost)


def _lost(ours: _Record) -> Iterator[DifferenceReason]:
    """The reasons why any number of the record may be wrong."""
    seen = ours.completeness
    if seen.missing or seen.cut or seen.first_sequence not in _FIRST_NUMBERS:
        yield "missing events"
    if seen.conflicts:
        yield "conflicting events"
    if ours.continued:
        yield "record in parts"
    if ours.end_status is None:
        yield "no wrap-up"


def _unattributed(ours: _Record) -> Iterator[DifferenceReason]:
    if ours.ambiguous_replies or ours.unattributed_replies:
        yield "ambiguous replies"
    if ours.doubtful_prompts:
        yield "in doubt"


def _spread(
    name: str, ours: Spread | None, theirs: Spread | None, reasons: Iterable[DifferenceReason]
) -> ComparedField:
    texts = (_spread_text(ours), _spread_text(theirs))
    if ours is None and theirs is not None and theirs.empty:
        return ComparedField(name, "explained", *texts, "no sample")
    if ours is None or theirs is None:
        return _judged(name, ours is theirs, texts, reasons)
    pairs = ((ours.min, theirs.min), (ours.max, theirs.max), (ours.avg, theirs.avg))
    return _judged(name, all(abs(a - b) <= _ROUNDING for a, b in pairs), texts, reasons)


def _count(
    name: str, ours: int, theirs: int | None, reasons: Iterable[DifferenceReason]
) -> ComparedField:
    return _judged(name, ours == (theirs or 0), (str(ours), _text(theirs)), reasons)


def _turns(ours: _Record, theirs: int | None, reasons: Iterable[DifferenceReason]) -> ComparedField:
    texts = (str(ours.turns), _text(theirs))
    if ours.turns == (theirs or 0):
        return ComparedField("turns", "equal", *texts)
    bound = max(_FEW_TURNS, round(_SHARE_OF_TURNS * ours.turns)) + ours.ambiguous_turns
    if abs(ours.turns - (theirs or 0)) <= bound:
        return ComparedField("turns", "equal", *texts, "within tolerance")
    doubt: list[DifferenceReason] = ["in doubt"] if ours.doubtful_turns else []
    return _judged("turns", equal=False, texts=texts, reasons=[*doubt, *reasons])


def _status(
    ours: str | None, theirs: str | None, reasons: Iterable[DifferenceReason]
) -> ComparedField:
    return _judged("end_status", ours == theirs, (_text(ours), _text(theirs)), reasons)


def _judged(
    name: str, equal: bool, texts: tuple[str, str], reasons: Iterable[DifferenceReason]
) -> ComparedField:
    reason = next(iter(reasons), None)
    if equal:
        return ComparedField(name, "equal", *texts)
    return ComparedField(name, "different" if reason is None else "explained", *texts, reason)


def _spread_text(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return "/".join(f"{value:g}" for value in (spread.min, spread.max, round(spread.avg, 3)))


def _text(value: object) -> str:
    return "-" if value is None else str(value)
