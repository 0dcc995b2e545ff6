"""The intervals of turns: a record's turn rows laid on its timeline. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from worker.sessions.schema import RowPart, SessionRecord
from worker.sessions.timeline import Speech, Timeline, Utterance
from worker.times.rfc3339 import parse_ms


class TurnInterval(NamedTuple):
    """A turn row and its interval: from the start of the caller's speech (a greeting: of its audio)
    to the end of the reply. ``audio``: when the agent begins to speak, None if it doesn't. Times in
    epoch ms.
    """

    row: RowPart
    start: int
    end: int
    audio: int | None


def turns_of(record: SessionRecord) -> list[TurnInterval]:
    """Return the turns of a record, by their start."""
    first, last = (parse_ms(text) or 0 for text in (record.started_at, record.ended_at))
    timeline = record.timeline
    answers = {} if timeline is None else dict(_answers(record.turn_rows, timeline, first))
    customer = [] if timeline is None else timeline.customer
    begins = _Begins(customer, first)
    turns = [_turn(row, answers.get(row.n), begins, first, last) for row in record.turn_rows]
    return sorted(turns, key=lambda turn: (turn.start, turn.row.n))


class _Begins:
    """Finds the start of the caller's speech by its end (epoch ms)."""

    def __init__(self, customer: list[Speech], first: int) -> None:
        ended = sorted((one.end, one.start) for one in customer if one.end is not None)
        self._ends = [first + end for end, _ in ended]
        self._starts = [None if start is None else first + start for _, start in ended]

    def end_before(self, instant: int) -> int | None:
        """Return the latest end of the caller's speech up to an instant."""
        latest = bisect_right(self._ends, instant) - 1
        return None if latest < 0 else self._ends[latest]

    def of(self, end: int) -> int:
        """Return the start of the speech that ends at ``end``; ``end`` itself if unknown."""
        latest = bisect_right(self._ends, end) - 1
        if latest < 0 or self._ends[latest] != end:
            return end
        start = self._starts[latest]
        return end if start is None else start


def _answers(
    rows: list[RowPart], timeline: Timeline, first: int
) -> Iterator[tuple[int, Utterance]]:
    """Yield the agent's utterance of each row, by the row's number: a greeting begins at the row's
    time, and any other utterance is the first after the speech that it answers.
    """
    waiting: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        waiting.setdefault((parse_ms(row.at) or 0, row.outcome), []).append(row.n)
    begins = _Begins(timeline.customer, first)
    for utterance in timeline.agent:
        if utterance.outcome is None or utterance.start is None:
            continue
        audio = first + utterance.start
        at = audio if utterance.outcome == "greeting" else begins.end_before(audio)
        numbers = waiting.get((at or 0, utterance.outcome))
        if numbers:
            yield numbers.pop(0), utterance


def _turn(
    row: RowPart, answer: Utterance | None, begins: _Begins, first: int, last: int
) -> TurnInterval:
    at = parse_ms(row.at) or 0
    if row.outcome == "abandoned":
        return TurnInterval(row, begins.of(at), last, None)
    start = at if row.outcome == "greeting" else begins.of(at)
    if answer is None or answer.start is None:
        end = at + (row.response_ms or row.caller_wait_ms or 0) + (row.reply_ms or 0)
        return TurnInterval(row, start, end, None)
    audio = first + answer.start
    return TurnInterval(row, start, audio if answer.end is None else first + answer.end, audio)
