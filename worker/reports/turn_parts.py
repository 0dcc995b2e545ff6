"""The parts of the caller's wait in each turn, which add up to the wait if known. Pure.

The parts are known only if the wait has a single prompt whose reply is beyond doubt. The caller's
own speech within a wait doesn't count as waiting, so the parts may be longer than the wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from worker.sessions.schema import RowPart, SessionRecord
from worker.sessions.timeline import Timeline, Wait
from worker.times.rfc3339 import parse_ms

_WIDTH: Final = 30
_STEPS: Final = (1_500, 2_000, 3_000, 4_000, 5_000, 8_000, 10_000, 15_000, 20_000, 30_000, 60_000)
_UNTIL_PROMPT, _APPLICATION, _TO_AUDIO, _UNKNOWN, _UNENDED = "░█▒▓╱"
LEGEND: Final = (
    f"{_UNTIL_PROMPT} until the prompt, {_APPLICATION} application, {_TO_AUDIO} first token to "
    f"audio, {_UNKNOWN} unknown, {_UNENDED} no end"
)


class Parts(NamedTuple):
    """The parts of one turn row's wait, in ms.

    ``wait``: the time that the caller waited. ``application`` and the parts around it are None if
    unknown. ``ended``: whether the agent spoke in the end.
    """

    n: int
    wait: int
    until_prompt: int | None
    application: int | None
    to_audio: int | None
    ended: bool

    @property
    def length(self) -> int:
        """The time from the wait's beginning to its end, in ms."""
        if self.until_prompt is None or self.application is None or self.to_audio is None:
            return self.wait
        return self.until_prompt + self.application + self.to_audio


def parts_of(record: SessionRecord) -> list[Parts | None]:
    """The parts of each turn row of a record; None if nobody waited, or the wait is unknown."""
    began, ended = parse_ms(record.started_at) or 0, parse_ms(record.ended_at) or 0
    return [
        _parts(row, (parse_ms(row.at) or 0) - began, ended - began, record.timeline)
        for row in record.turn_rows
    ]


def longest(record: SessionRecord) -> Parts | None:
    """The parts of the turn with the longest wait; None without any wait."""
    found = [one for one in parts_of(record) if one is not None]
    return max(found, key=lambda one: one.wait, default=None)


def sentence(session_id: str, parts: Parts) -> str:
    """A description of a turn's wait."""
    text = f"turn {parts.n} of {session_id}: the caller waited {parts.wait / 1000:.1f} s"
    if not parts.ended:
        return f"{text}, until the session's end"
    if parts.application is None:
        return text
    return f"{text}, {parts.application / 1000:.1f} of them the application"


def bars(record: SessionRecord) -> list[str]:
    """A bar for each turn row, empty if nobody waited. The scale ends near the usual wait, so that
    a single long wait doesn't flatten the rest.
    """
    parts = parts_of(record)
    end = _end([one.length for one in parts if one is not None])
    return ["" if one is None else _bar(one, end) for one in parts]


def _parts(row: RowPart, at: int, lasted: int, timeline: Timeline | None) -> Parts | None:
    if row.outcome == "abandoned":
        return Parts(row.n, lasted - at, None, None, None, ended=False)
    if row.caller_wait_ms is None:
        return None
    unknown = Parts(row.n, row.caller_wait_ms, None, None, None, ended=True)
    wait = None if timeline is None else _wait(timeline, at)
    if timeline is None or wait is None or wait.audio is None:
        return unknown
    replies = [
        (one.sent, one.first_token, one.sure)
        for one in timeline.prompts
        if one.first_token is not None and wait.since <= one.sent and one.first_token <= wait.audio
    ]
    if len(replies) != 1 or not replies[0][2]:
        return unknown
    sent, first_token, _ = replies[0]
    return unknown._replace(
        until_prompt=sent - wait.since,
        application=first_token - sent,
        to_audio=wait.audio - first_token,
    )


def _wait(timeline: Timeline, at: int) -> Wait | None:
    """The wait that ends with the utterance answering the end of customer speech at ``at``."""
    audio = next(
        (
            one.start
            for one in timeline.agent
            if one.start is not None and one.start >= at and one.outcome not in (None, "greeting")
        ),
        None,
    )
    return next((one for one in timeline.waits if audio is not None and one.audio == audio), None)


def _end(lengths: Sequence[int]) -> int:
    ordered = sorted(lengths)
    if not ordered:
        return _STEPS[0]
    usual = ordered[(3 * len(ordered) + 3) // 4 - 1]
    wanted = min(ordered[-1], max(_STEPS[0], usual * 22 // 10))
    return next((step for step in _STEPS if step >= wanted), _STEPS[-1])


def _bar(parts: Parts, end: int) -> str:
    whole = ((parts.length, _UNKNOWN if parts.ended else _UNENDED),)
    known = (
        (parts.until_prompt, _UNTIL_PROMPT),
        (parts.application, _APPLICATION),
        (parts.to_audio, _TO_AUDIO),
    )
    drawn, reached = "", 0
    for length, letter in whole if parts.application is None else known:
        reached += length or 0
        drawn += letter * (round(min(reached, end) * _WIDTH / end) - len(drawn))
    return f"{drawn}»" if parts.length > end else drawn
