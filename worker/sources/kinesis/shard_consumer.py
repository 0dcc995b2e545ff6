"""The lifecycle of one shard in the reader. Pure: events and times are passed in.

    WAITING ─── parents handed over ───► SEEKING
    SEEKING ─── iterator ──────────────► READING
    SEEKING ─── refused ───────────────► UNCERTAIN
    SEEKING ─── gone ──────────────────► UNCERTAIN
    READING ─── expired ───────────────► SEEKING
    READING ─── gone ──────────────────► SEEKING
    READING ─── end, children known ───► ENDED
    READING ─── end, children unknown ─► ENDING
    UNCERTAIN ─ still listed ──────────► SEEKING
    UNCERTAIN ─ no longer listed ──────► ENDED
    ENDING ──── synced ────────────────► ENDED

* At most one call is in flight, so records come in order, each once.
* UNCERTAIN and ENDING wait for a shard sync begun after them: it shows whether the stream is still
  the same, whether the shard still exists, and what its children are.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from worker.sources.kinesis.api import (
    GetIterator,
    GetRecords,
    RecordsAnswer,
    StreamFailure,
    StreamFailureKind,
)
from worker.sources.kinesis.lineage import ShardInfo, after_refusal, child_position, may_have_lost
from worker.sources.kinesis.pacing import (
    STEADY,
    Pace,
    Random,
    after_answer,
    after_failure,
    bytes_expected,
)
from worker.stream.position import Position
from worker.stream.record import Record


class ShardStage(StrEnum):
    """A stage of a shard's lifecycle."""

    WAITING = "waiting"
    SEEKING = "seeking"
    READING = "reading"
    UNCERTAIN = "uncertain"
    ENDING = "ending"
    ENDED = "ended"


class Cause(StrEnum):
    """The cause of a shard's change of stage."""

    PARENTS_DONE = "parents handed over"
    ITERATOR = "iterator"
    REFUSED = "refused"
    GONE = "gone"
    EXPIRED = "expired"
    END_KNOWN = "end, children known"
    END_UNKNOWN = "end, children unknown"
    LISTED = "still listed"
    UNLISTED = "no longer listed"
    SURVEYED = "synced"


TRANSITIONS: Final = {
    (ShardStage.WAITING, Cause.PARENTS_DONE): ShardStage.SEEKING,
    (ShardStage.SEEKING, Cause.ITERATOR): ShardStage.READING,
    (ShardStage.SEEKING, Cause.REFUSED): ShardStage.UNCERTAIN,
    (ShardStage.SEEKING, Cause.GONE): ShardStage.UNCERTAIN,
    (ShardStage.READING, Cause.EXPIRED): ShardStage.SEEKING,
    (ShardStage.READING, Cause.GONE): ShardStage.SEEKING,
    (ShardStage.READING, Cause.END_KNOWN): ShardStage.ENDED,
    (ShardStage.READING, Cause.END_UNKNOWN): ShardStage.ENDING,
    (ShardStage.UNCERTAIN, Cause.LISTED): ShardStage.SEEKING,
    (ShardStage.UNCERTAIN, Cause.UNLISTED): ShardStage.ENDED,
    (ShardStage.ENDING, Cause.SURVEYED): ShardStage.ENDED,
}
"""All changes of a shard's stage. Any other pair is a defect of the reader, except that a failed
call whose kind doesn't concern the stage leaves the shard in it.
"""

_CAUSES: Final = {
    StreamFailureKind.REFUSED: Cause.REFUSED,
    StreamFailureKind.GONE: Cause.GONE,
    StreamFailureKind.EXPIRED: Cause.EXPIRED,
}


class Batch(NamedTuple):
    """The records that one answer added to a shard, in order within the shard.

    ``position``: to be committed with the batch's effects. ``clock``: the server's date (epoch ms)
    when the shard was empty at its tip, else None. ``gap``: records may be missing before this
    batch, because the stream had trimmed them. ``children``: with the end of a shard, where its
    child shards start; to be committed too, so that each shard not ended always has a position that
    holds stream time.
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
    """One shard. Times are monotonic milliseconds, except those in positions."""

    info: ShardInfo
    position: Position
    stage: ShardStage = ShardStage.WAITING
    pace: Pace = STEADY
    due: int = 0
    busy: bool = False
    undelivered: int = 0  # batches made and not yet taken
    millis_behind: int | None = None
    answered_at: int = 0  # when millis_behind was so
    failure: StreamFailure | None = None
    gap: bool = False  # to be reported with the next batch
    sync_awaited: int = 0  # number of the first sync that can resolve UNCERTAIN or ENDING
    _iterator: str = ""

    @property
    def unresolved(self) -> bool:
        """Whether the shard waits for a shard sync."""
        return self.stage is ShardStage.UNCERTAIN or self.stage is ShardStage.ENDING

    def call(self) -> GetIterator | GetRecords | None:
        """Return the call to make when it is due, if any."""
        if self.stage is ShardStage.SEEKING:
            return GetIterator(self.info.shard, self.position)
        if self.stage is ShardStage.READING:
            return GetRecords(self.info.shard, self._iterator)
        return None

    def bytes_expected(self, now: int) -> int:
        """Return the most bytes that the answer to ``call`` should have."""
        reading = self.stage is ShardStage.READING
        return bytes_expected(self.millis_behind, now - self.answered_at) if reading else 0

    def begin(self, position: Position, now: int) -> None:
        """Begin to read from ``position``, because all parents are done."""
        self.position = position
        self._move(Cause.PARENTS_DONE)
        self.due = now

    def iterator_came(self, iterator: str, horizon: int, now: int) -> None:
        """Continue with ``iterator``. Streams silently skip what was trimmed."""
        self._iterator = iterator
        self._move(Cause.ITERATOR)
        self.due = now
        if may_have_lost(self.position, horizon):
            self.note_gap(horizon)

    def answer_came(
        self, answer: RecordsAnswer, children: tuple[ShardInfo, ...], sync_number: int, now: int
    ) -> Batch:
        """Process ``answer``. Without ``children`` at a shard's end, they are left to
        ``described``.
        """
        self.pace, wait = after_answer(
            self.pace, len(answer.records), answer.size, answer.millis_behind
        )
        self.due = now + wait
        self.failure = None
        self.millis_behind = answer.millis_behind
        self.answered_at = now
        clock = tip_clock(answer)
        self.position = _advanced(self.position, answer.records, clock)
        if answer.next_iterator is not None:
            self._iterator = answer.next_iterator
        elif children:
            self._end(Cause.END_KNOWN)
        else:
            self._move(Cause.END_UNKNOWN)
            self.sync_awaited = sync_number
        return self._batch(answer.records, clock, children)

    def failed(self, failure: StreamFailure, sync_number: int, random: Random, now: int) -> int:
        """Note a failed call; return the wait in ms until the next one."""
        self.pace, wait = after_failure(self.pace, random)
        self.due = now + wait
        self.failure = failure
        cause = _CAUSES.get(failure.kind)
        # a time or the horizon is never at fault: a server that refuses them accepts them later
        harmless = cause is Cause.REFUSED and not self.position.started
        if cause is not None and not harmless and (self.stage, cause) in TRANSITIONS:
            self._move(cause)
            if self.unresolved:
                self.sync_awaited = sync_number
        return wait

    def listed(self, horizon: int) -> None:
        """Seek again: the stream is the same and still has the shard, so only the position was at
        fault.
        """
        if self.failure is not None and self.failure.kind is StreamFailureKind.REFUSED:
            self.position, lost = after_refusal(self.position, horizon)
            if lost:
                self.note_gap(horizon)
        self._move(Cause.LISTED)

    def described(self, children: tuple[ShardInfo, ...]) -> Batch:
        """Return the last batch of a shard read to its end whose children are now known."""
        self._end(Cause.SURVEYED)
        return self._batch([], None, children)

    def unlisted(self, children: tuple[ShardInfo, ...]) -> Batch:
        """Return the last batch of a shard that the stream has dropped, with its unread records."""
        self._end(Cause.UNLISTED)
        self.note_gap(0)
        return self._batch([], None, children)

    def taken(self) -> None:
        """Note that one of the shard's batches has been taken."""
        self.undelivered -= 1

    def note_gap(self, horizon: int) -> None:
        """Note a gap: records that arrived before ``horizon`` (epoch ms) can't be read any more."""
        self.gap = True
        self.position = self.position._replace(seen_to=max(self.position.seen_to, horizon))

    def _move(self, cause: Cause) -> None:
        self.stage = TRANSITIONS[self.stage, cause]

    def _end(self, cause: Cause) -> None:
        self._move(cause)
        self.position = Position("ended", "", self.position.seen_to)

    def _batch(
        self, records: list[Record], clock: int | None, children: tuple[ShardInfo, ...]
    ) -> Batch:
        self.undelivered += 1
        gap, self.gap = self.gap, False
        behind = self.millis_behind or 0
        starts = {child.shard: child_position([self.position]) for child in children}
        return Batch(self.info.shard, records, self.position, clock, behind, gap, starts)


def tip_clock(answer: RecordsAnswer) -> int | None:
    """Return the server's date, if nothing can arrive before it any more.

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
