"""What to ask a stream next, and what has come of it: all shards of one stream. Pure.

The driver asks ``next_call`` whenever time has passed or something has happened, carries the call
out, and hands the outcome to ``completed``; calls may be completed in any order. The consumer's
side is ``take``, ``pause``, ``resume`` and ``forgotten``. ``now`` is monotonic milliseconds.

- A shard has at most one call under way and two batches not taken; all batches not taken hold
  ``max_bytes`` and what calls already under way bring.
- Nothing is read before the first survey, since only it tells parents from children.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from worker.errors import StreamReplaced
from worker.stream import lineage
from worker.stream.api import Answer, Failure
from worker.stream.lineage import Position, ShardInfo, Survey
from worker.stream.pacing import STEADY, Random, after_failure
from worker.stream.shard import Batch, GetIterator, GetRecords, Shard, Stage

SURVEY_EVERY: Final = 30_000  # ms
SURVEY_AGAIN: Final = 1_000  # ms, while a shard waits for a later one

_MOST_UNDELIVERED: Final = 2
_NEVER: Final = 1 << 62
_ASKING: Final = (Stage.SEEKING, Stage.READING)
_IN_SUSPENSE: Final = (Stage.DOUBTED, Stage.ENDING)


class SurveyStream(NamedTuple):
    """Call: the stream's summary and shards. It is of no shard."""

    shard: str = ""


Call = SurveyStream | GetIterator | GetRecords
Outcome = Survey | str | Answer | Failure


class StageChanged(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Notice: a shard has come to another stage of its life."""

    shard: str
    stage: Stage


class BackedOff(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Notice: a call failed, ``attempt`` in a row; the next in ``wait`` ms. Shard "": a survey."""

    shard: str
    failure: Failure
    attempt: int
    wait: int


class FoundAgain(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Notice: a survey has succeeded, after so many failed ones."""

    attempts: int


Notice = StageChanged | BackedOff | FoundAgain


class ShardView(NamedTuple):
    """A shard as health output shows it. ``millis_behind``: None before the first answer."""

    shard: str
    stage: Stage
    millis_behind: int | None
    paused: bool
    undelivered: int
    failures: int
    failure: Failure | None


class Schedule:
    """All shards of one stream. ``created``: the stream's creation time (epoch ms)."""

    def __init__(
        self, positions: Mapping[str, Position], created: int, random: Random, max_bytes: int
    ) -> None:
        self._stored = dict(positions)
        self._created = created
        self._random = random
        self._max_bytes = max_bytes
        self._shards: dict[str, Shard] = {}
        self._paused: frozenset[str] = frozenset()
        self._forgotten: set[str] = set()
        self._queue: deque[tuple[Batch, int]] = deque()
        self._queued_bytes = 0
        self._survey: Survey | None = None
        self._server_now = 0
        self._survey_pace = STEADY
        self._survey_due = 0
        self._surveyed_at = 0
        self._surveys_begun = 0
        self._survey_busy = False

    # The driver's side

    def next_call(self, now: int) -> Call | None:
        """The call most overdue, if any is; it counts as under way from here on."""
        if self._survey_at() <= now:
            self._survey_busy = True
            self._surveys_begun += 1
            return SurveyStream()
        shard = self._soonest()
        if shard is None or shard.due > now:
            return None
        shard.busy = True
        return shard.call()

    def wake_at(self) -> int | None:
        """When the next call is due. None: not before a call is completed or a batch taken."""
        shard = self._soonest()
        due = min(self._survey_at(), _NEVER if shard is None else shard.due)
        return None if due == _NEVER else due

    def completed(self, call: Call, outcome: Outcome, now: int) -> list[Notice]:
        """Take in what ``call`` came to. Raises StreamReplaced if the stream was made anew."""
        if isinstance(outcome, Survey):
            return self._surveyed(outcome, now)
        if isinstance(outcome, Failure) and isinstance(call, SurveyStream):
            return self._survey_failed(outcome, now)
        shard = self._shards[call.shard]
        shard.busy = False
        stage = shard.stage
        notices: list[Notice] = []
        if isinstance(outcome, Failure):
            wait = shard.failed(outcome, self._surveys_begun + 1, self._random, now)
            notices.append(BackedOff(call.shard, outcome, shard.pace.failures, wait))
        elif isinstance(outcome, Answer):
            self._answered(shard, outcome, now)
        else:
            shard.iterator_came(outcome, self._horizon(), now)
        if shard.stage in _IN_SUSPENSE:
            self._survey_due = min(self._survey_due, max(now, self._surveyed_at + SURVEY_AGAIN))
        return notices + _changes(shard, stage)

    # The consumer's side

    def take(self, now: int) -> list[Batch]:
        """All batches ready, in order. After a shard's end its children may begin."""
        batches = []
        while self._queue:
            batch, size = self._queue.popleft()
            self._queued_bytes -= size
            self._shards[batch.shard].undelivered -= 1
            batches.append(batch)
        if any(batch.ended for batch in batches):
            self._promote(now)
        return batches

    def pause(self, shards: Iterable[str]) -> None:
        """Ask for nothing more from ``shards``; what is under way or ready still comes."""
        self._paused |= frozenset(shards)

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with ``shards``."""
        self._paused -= frozenset(shards)

    def forgotten(self) -> list[str]:
        """Ended shards, each told once, that the stream no longer has: drop their positions."""
        shards = sorted(self._forgotten)
        self._forgotten.clear()
        return shards

    def views(self) -> list[ShardView]:
        """All shards known, by id."""
        return [
            ShardView(
                name,
                shard.stage,
                shard.millis_behind,
                name in self._paused,
                shard.undelivered,
                shard.pace.failures,
                shard.failure,
            )
            for name, shard in sorted(self._shards.items())
        ]

    # Calls and records

    def _survey_at(self) -> int:
        return _NEVER if self._survey_busy else self._survey_due

    def _soonest(self) -> Shard | None:
        if self._queued_bytes >= self._max_bytes:
            return None
        soonest, due = None, _NEVER
        for name, shard in self._shards.items():  # a plain loop: it runs twice a call
            if (
                shard.due < due
                and not shard.busy
                and shard.stage in _ASKING
                and shard.undelivered < _MOST_UNDELIVERED
                and name not in self._paused
            ):
                soonest, due = shard, shard.due
        return soonest

    def _answered(self, shard: Shard, answer: Answer, now: int) -> None:
        self._server_now = max(self._server_now, answer.server_date or 0)
        children = answer.children
        if any(parent not in self._shards for child in children for parent in child.parents):
            children = ()  # a merge's other parent may be new too: let a survey tell
        if not answer.records and self._is_closed(shard.info.shard):
            # its children may hold records from before the date of this answer
            answer = answer._replace(server_date=None)
        batch = shard.answer_came(answer, children, self._surveys_begun + 1, now)
        if batch.ended:
            for child in children:
                self._add(child)
        self._hand_over(shard, batch, answer.size)

    def _is_closed(self, name: str) -> bool:
        """Whether a shard is known to have come to its end, read or not: it has children."""
        return any(name in shard.info.parents for shard in self._shards.values())

    def _hand_over(self, shard: Shard, batch: Batch, size: int) -> None:
        shard.undelivered += 1
        self._queued_bytes += size
        self._queue.append((batch, size))

    # Surveys

    def _horizon(self) -> int:
        return 0 if self._survey is None else lineage.trim_horizon(self._survey, self._server_now)

    def _survey_failed(self, failure: Failure, now: int) -> list[Notice]:
        self._survey_busy = False
        self._survey_pace, wait = after_failure(self._survey_pace, self._random)
        self._survey_due = now + wait
        return [BackedOff("", failure, self._survey_pace.failures, wait)]

    def _surveyed(self, survey: Survey, now: int) -> list[Notice]:
        if survey.created != self._created:
            raise StreamReplaced(
                "the stream was deleted and made anew under its name:"
                f" created {survey.created}, positions are of {self._created} (epoch ms)"
            )
        first = self._survey is None
        self._survey = survey
        self._survey_busy = False
        failures = self._survey_pace.failures
        self._survey_pace = STEADY
        self._server_now = max(self._server_now, survey.server_date)
        for info in survey.shards:
            self._add(info)
        if first:
            for name in self._stored:
                self._add(ShardInfo(name))
        notices: list[Notice] = [FoundAgain(failures)] if failures else []
        notices += self._settle(survey)
        waiting = any(shard.stage in _IN_SUSPENSE for shard in self._shards.values())
        self._surveyed_at = now
        self._survey_due = now + (SURVEY_AGAIN if waiting else SURVEY_EVERY)
        self._promote(now)
        self._forget(survey)
        return notices

    def _add(self, info: ShardInfo) -> None:
        name = info.shard
        if name in self._shards:
            return
        position = self._stored.get(name, Position("trim_horizon"))
        ended = position.kind == "ended"
        self._shards[name] = Shard(info, position, Stage.ENDED if ended else Stage.WAITING)

    def _settle(self, survey: Survey) -> list[Notice]:
        notices: list[Notice] = []
        listed = {info.shard for info in survey.shards}
        for name, shard in self._shards.items():
            if shard.stage not in _IN_SUSPENSE or shard.survey_awaited > self._surveys_begun:
                continue
            stage = shard.stage
            children = lineage.children_of(name, survey.shards)
            if shard.stage is Stage.ENDING:
                self._hand_over(shard, shard.surveyed(children), 0)
            elif name in listed:
                shard.listed(self._horizon())
            else:
                self._hand_over(shard, shard.unlisted(children), 0)
            notices += _changes(shard, stage)
        return notices

    def _promote(self, now: int) -> None:
        """Let every shard begin whose parents have all handed over their ends."""
        done = {
            name
            for name, shard in self._shards.items()
            if shard.stage is Stage.ENDED and not shard.undelivered
        }
        for name, shard in self._shards.items():
            if shard.stage is not Stage.WAITING:
                continue
            if lineage.may_begin(shard.info, self._shards, done):
                shard.begin(self._stored.get(name) or self._fresh_position(shard), now)

    def _fresh_position(self, shard: Shard) -> Position:
        parents = [self._shards[name] for name in shard.info.parents if name in self._shards]
        if self._stored and not parents and self._horizon():
            shard.lose(self._horizon())  # of a family that came and went unseen
        return lineage.child_position(parent.position for parent in parents)

    def _forget(self, survey: Survey) -> None:
        ended = {
            name: shard.position for name, shard in self._shards.items() if not shard.undelivered
        }
        for name in lineage.forgettable(ended, survey):
            del self._shards[name]
            self._forgotten.add(name)


def _changes(shard: Shard, stage: Stage) -> list[Notice]:
    return [] if shard.stage is stage else [StageChanged(shard.info.shard, shard.stage)]
