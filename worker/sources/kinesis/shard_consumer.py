"""The life of one shard in the reader. Pure: it is told what happened and when.

    WAITING ── parents handed over ──► SEEKING ── iterator ──► READING ── no next iterator ─┐
                                        ▲ ▲  │ ◄── expired ──── │                           │
                                        │ │  └ refused, gone ┐  │ gone       children unknown│ known
                                        │ │                  ▼  ▼                           ▼   │
                                        │ └─ still listed ─ DOUBTED                      ENDING │
                                                             │ listed no more               │   │
                                                             └──────────► ENDED ◄───────────┴───┘

- At most one call is under way, so records come in order, each once.
- DOUBTED and ENDING wait for a survey begun after them: it shows whether the stream is still the
  same, whether the shard still exists, and what its children are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from worker.sources.kinesis.api import Answer, Failure, FailureKind, GetIterator, GetRecords
from worker.sources.kinesis.lineage import ShardInfo, after_refusal, child_position, may_have_lost
from worker.sources.kinesis.pacing import STEADY, Pace, Random, after_answer, after_failure
from worker.stream.position import Position
from worker.stream.record import Record


class Stage(StrEnum):
    """Where a shard is in its life."""

    WAITING = "waiting"
    SEEKING = "seeking"
    READING = "reading"
    DOUBTED = "doubted"
    ENDING = "ending"
    ENDED = "ended"


class Batch(NamedTuple):
    """What one answer added to a shard, in order within the shard.

    ``position``: to be committed with whatever the batch brought about.
    ``clock``: the server's date (epoch ms) when the shard was empty at its tip, else None.
    ``gap``: records may be missing before this batch; the stream had trimmed them.
    ``children``: with the end of a shard, where the shards that came from it start; to be
    committed too, so that each shard not ended always has a position that holds stream time.
    """

    shard: str
    records: list[Record]
    position: Position
    clock: int | None
    millis_behind: int
    gap: bool
    children: dict[str, Position]

    @property
    def ended(self) -> bool:
        """Whether this is the shard's last batch."""
        return self.position.ended


@dataclass(slots=True)
class Shard:
    """One shard. Times are monotonic milliseconds, but for positions'."""

    info: ShardInfo
    position: Position
    stage: Stage = Stage.WAITING
    pace: Pace = STEADY
    due: int = 0
    busy: bool = False
    undelivered: int = 0  # batches made and not yet taken
    millis_behind: int | None = None
    failure: Failure | None = None
    gap: bool = False  # to be told with the next batch
    survey_awaited: int = 0  # number of the first survey that can settle DOUBTED or ENDING
    _iterator: str = ""

    @property
    def in_suspense(self) -> bool:
        """Whether it waits for a survey."""
        return self.stage is Stage.DOUBTED or self.stage is Stage.ENDING

    def call(self) -> GetIterator | GetRecords | None:
        """What to ask the stream when it is due, if anything."""
        if self.stage is Stage.SEEKING:
            return GetIterator(self.info.shard, self.position)
        if self.stage is Stage.READING:
            return GetRecords(self.info.shard, self._iterator)
        return None

    def begin(self, position: Position, now: int) -> None:
        """All parents are done: read from ``position``."""
        self.position = position
        self.stage = Stage.SEEKING
        self.due = now

    def iterator_came(self, iterator: str, horizon: int, now: int) -> None:
        """Read on with ``iterator``. Streams step over what was trimmed without a word."""
        self._iterator = iterator
        self.stage = Stage.READING
        self.due = now
        if may_have_lost(self.position, horizon):
            self.lose(horizon)

    def answer_came(
        self, answer: Answer, children: tuple[ShardInfo, ...], survey: int, now: int
    ) -> Batch:
        """Take ``answer`` in. At a shard's end ``children``, if none, are left to ``survey``."""
        self.pace, wait = after_answer(
            self.pace, len(answer.records), answer.size, answer.millis_behind
        )
        self.due = now + wait
        self.failure = None
        self.millis_behind = answer.millis_behind
        clock = _tip_clock(answer)
        self.position = _advanced(self.position, answer.records, clock)
        if answer.next_iterator is not None:
            self._iterator = answer.next_iterator
        elif children:
            self._end()
        else:
            self.stage = Stage.ENDING
            self.survey_awaited = survey
        return self._batch(answer.records, clock, children)

    def failed(self, failure: Failure, survey: int, random: Random, now: int) -> int:
        """Note a failed call; the wait in ms until the next one."""
        self.pace, wait = after_failure(self.pace, random)
        self.due = now + wait
        self.failure = failure
        gone = failure.kind is FailureKind.GONE
        refused = failure.kind is FailureKind.REFUSED and self.position.started
        if self.stage is Stage.SEEKING and (gone or refused):
            self.stage = Stage.DOUBTED
            self.survey_awaited = survey
        elif self.stage is Stage.READING and (gone or failure.kind is FailureKind.EXPIRED):
            self.stage = Stage.SEEKING
        return wait

    def listed(self, horizon: int) -> None:
        """The stream is the same and still has the shard, so only the position was at fault."""
        if self.failure is not None and self.failure.kind is FailureKind.REFUSED:
            self.position, lost = after_refusal(self.position, horizon)
            if lost:
                self.lose(horizon)
        self.stage = Stage.SEEKING

    def surveyed(self, children: tuple[ShardInfo, ...]) -> Batch:
        """The last batch of a shard read to its end whose children are known now."""
        self._end()
        return self._batch([], None, children)

    def unlisted(self, children: tuple[ShardInfo, ...]) -> Batch:
        """The last batch of a shard that the stream has dropped with what was still to be read."""
        self._end()
        self.lose(0)
        return self._batch([], None, children)

    def taken(self) -> None:
        """One of its batches has been taken."""
        self.undelivered -= 1

    def lose(self, horizon: int) -> None:
        """Note a gap: what arrived before ``horizon`` (epoch ms) can't be read any more."""
        self.gap = True
        self.position = self.position._replace(seen_to=max(self.position.seen_to, horizon))

    def _end(self) -> None:
        self.stage = Stage.ENDED
        self.position = Position("ended", "", self.position.seen_to)

    def _batch(
        self, records: list[Record], clock: int | None, children: tuple[ShardInfo, ...]
    ) -> Batch:
        self.undelivered += 1
        gap, self.gap = self.gap, False
        behind = self.millis_behind or 0
        starts = {child.shard: child_position([self.position]) for child in children}
        return Batch(self.info.shard, records, self.position, clock, behind, gap, starts)


def _tip_clock(answer: Answer) -> int | None:
    """The server's date, if nothing can arrive before it any more.

    Not at the end of a closed shard: its children may hold records from long before.
    """
    if answer.records or answer.millis_behind or answer.next_iterator is None:
        return None
    return answer.server_date


def _advanced(position: Position, records: list[Record], clock: int | None) -> Position:
    if records:
        latest = max([record.arrival for record in records])
        seen_to = max(position.seen_to, latest)
        return Position("after", records[-1].sequence_number, seen_to)
    if clock is not None and clock > position.seen_to:
        return position._replace(seen_to=clock)
    return position
