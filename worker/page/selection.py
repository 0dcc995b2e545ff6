"""The selection of calls by conditions, and of the worst calls by a number. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple

from worker.metrics.distribution import Summary
from worker.page.summary import language_of, longest_wait
from worker.sessions.schema import SessionRecord

Value = int | float | str | None


def _p95(of: Summary | None) -> float | None:
    return None if of is None else of.p95


def _longest(record: SessionRecord) -> int | None:
    longest = longest_wait(record)
    return None if longest is None else longest[0]


NUMBERS: Final[dict[str, Callable[[SessionRecord], int | float | None]]] = {
    "caller_wait": _longest,
    "response": lambda one: _p95(one.latency_ms.response),
    "application": lambda one: _p95(one.latency_ms.application),
    "stt": lambda one: _p95(one.latency_ms.stt),
    "tts": lambda one: _p95(one.latency_ms.tts),
    "duration": lambda one: one.duration_s,
    "silence": lambda one: one.talk.longest_silence_ms,
    "turns": lambda one: one.turns,
    "interruptions": lambda one: one.interruptions.total,
    "errors": lambda one: len(one.errors),
    "abandoned": lambda one: one.abandoned_waits,
    "unanswered": lambda one: one.unanswered_prompts,
    "missing": lambda one: one.completeness.missing,
    "doubtful": lambda one: one.doubtful_waits,
    "tokens": lambda one: one.tokens.total,
}
"""The numbers to rank calls by. Latencies are in ms: the longest wait beyond doubt, or the p95."""

TEXTS: Final[dict[str, Callable[[SessionRecord], str]]] = {
    "language": language_of,
    "voice": lambda one: one.context.voice,
    "tts_provider": lambda one: one.context.tts_provider,
    "transcription_provider": lambda one: one.context.transcription_provider,
    "speech_model": lambda one: one.context.speech_model,
    "end": lambda one: one.end_status or "none",
    "call_sid": lambda one: one.call_sid,
    "session_id": lambda one: one.session_id,
}

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": eq,
    "!=": ne,
    ">=": ge,
    "<=": le,
    ">": gt,
    "<": lt,
}
_CONDITION: Final = re.compile(r"\s*(\w+)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", re.DOTALL)


class Condition(NamedTuple):
    """A comparison of a call's value with a given one; false for a call without the value."""

    name: str
    comparison: str
    value: int | float | str

    def holds(self, record: SessionRecord) -> bool:
        """Whether the condition holds for a record."""
        if self.name in TEXTS:
            found: Value = TEXTS[self.name](record)
        else:
            found = NUMBERS[self.name](record)
        return found is not None and _COMPARISONS[self.comparison](found, self.value)


def condition(text: str) -> Condition | str:
    """Parse a condition such as ``language=de-DE`` or ``errors>0``; return what is wrong with the
    text if it is none.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        return f"{text!r} is not a condition; write language=de-DE or errors>0"
    name, comparison, value = found.groups()
    if name in TEXTS:
        if comparison not in ("=", "!="):
            return f"{text!r}: {name} is a text; compare it with = or !="
        return Condition(name, comparison, value)
    if name not in NUMBERS:
        return f"{text!r}: there is no {name}; choose one of {', '.join((*TEXTS, *NUMBERS))}"
    try:
        return Condition(name, comparison, float(value))
    except ValueError:
        return f"{text!r}: {name} is a number"


def worst_by(records: Iterable[SessionRecord], by: str, most: int) -> list[SessionRecord]:
    """The calls with the greatest numbers, in descending order; calls without one are left out."""
    of = NUMBERS[by]
    ranked = [(value, one) for one in records if (value := of(one)) is not None]
    ranked.sort(key=lambda pair: (-pair[0], pair[1].started_at, pair[1].session_id))
    return [one for _, one in ranked[:most]]
