"""All known shards of one stream, from first mention to expiry. Pure.

* A shard is known once a shard sync lists it, its parent's end names it, or a position is stored.
* Answers leave open whether a shard still exists and, with some servers, what its children are:
  shard syncs resolve that.
* A shard begins, and expires, by the rules of ``lineage``.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.errors import StreamReplaced
from worker.sources.kinesis import lineage
from worker.sources.kinesis.api import RecordsAnswer
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.sources.kinesis.reader_events import ReaderEvent, stage_changes
from worker.sources.kinesis.shard_consumer import Batch, Shard, ShardStage
from worker.stream.position import Position


class ShardMap:
    """The shards of a stream. ``created``: the creation time (epoch ms) of the stream that the
    stored ``positions`` belong to. Other times are monotonic milliseconds.
    """

    def __init__(self, positions: Mapping[str, Position], created: int) -> None:
        self.by_id: dict[str, Shard] = {}
        """Read-only; in the order in which the shards became known."""
        self._stored = dict(positions)
        self._created = created
        self._description: StreamDescription | None = None
        self._server_now = 0
        self._expired: set[str] = set()

    def horizon(self) -> int:
        """Return the arrival time (epoch ms) before which records may have been dropped; 0:
        none.
        """
        return (
            0
            if self._description is None
            else lineage.trim_horizon(self._description, self._server_now)
        )

    def unresolved(self) -> bool:
        """Whether any shard waits for a shard sync."""
        return any(shard.unresolved for shard in self.by_id.values())

    def answered(self, shard: Shard, answer: RecordsAnswer, sync_number: int, now: int) -> Batch:
        """Return the batch that ``answer`` adds to ``shard``. ``sync_number``: that of the next
        sync.
        """
        self._server_now = max(self._server_now, answer.server_date or 0)
        children = answer.children
        if any(parent not in self.by_id for child in children for parent in child.parents):
            children = ()  # a merge's other parent may be new too: leave it to a sync
        if not answer.records and self._is_closed(shard.info.shard):
            # its children may hold records from before the date of this answer
            answer = answer._replace(server_date=None)
        batch = shard.answer_came(answer, children, sync_number, now)
        if batch.ended:
            for child in children:
                self._add(child)
        return batch

    def described(
        self, description: StreamDescription, number: int, now: int
    ) -> tuple[list[Batch], list[ReaderEvent]]:
        """Process a shard sync: return the last batches of shards that it shows to have ended, and
        the reader's events. Raises StreamReplaced if the stream was deleted and created again.
        """
        if description.created != self._created:
            raise StreamReplaced(
                "the stream was deleted and created again under its name:"
                f" created {description.created}, positions are of {self._created} (epoch ms)"
            )
        first = self._description is None
        self._description = description
        self._server_now = max(self._server_now, description.server_date or 0)
        for info in description.shards:
            self._add(info)
        if first:
            for name in self._stored:
                self._add(ShardInfo(name))
        resolved = self._resolve(description, number)
        self.promote(now)
        self._drop_expired(description)
        return resolved

    def promote(self, now: int) -> None:
        """Begin every shard whose parents have all handed over their ends."""
        done = {
            name
            for name, shard in self.by_id.items()
            if shard.stage is ShardStage.ENDED and not shard.undelivered
        }
        for shard in self.by_id.values():
            if shard.stage is not ShardStage.WAITING:
                continue
            if lineage.may_begin(shard.info, self.by_id, done):
                shard.begin(self._first_position(shard), now)

    def expired(self) -> list[str]:
        """Return ended shards that the stream no longer has, each once: their positions can be
        dropped.
        """
        shards = sorted(self._expired)
        self._expired.clear()
        return shards

    def _add(self, info: ShardInfo) -> None:
        name = info.shard
        if name in self.by_id:
            return
        position = self._stored.get(name, Position("trim_horizon"))
        self.by_id[name] = Shard(
            info, position, ShardStage.ENDED if position.ended else ShardStage.WAITING
        )

    def _is_closed(self, name: str) -> bool:
        """Whether a shard is known to be closed, read to its end or not: it has children."""
        return any(name in shard.info.parents for shard in self.by_id.values())

    def _resolve(
        self, description: StreamDescription, number: int
    ) -> tuple[list[Batch], list[ReaderEvent]]:
        batches: list[Batch] = []
        reader_events: list[ReaderEvent] = []
        listed = {info.shard for info in description.shards}
        for name, shard in self.by_id.items():
            if not shard.unresolved or shard.sync_awaited > number:
                continue
            stage = shard.stage
            children = lineage.children_of(name, description.shards)
            if stage is ShardStage.ENDING:
                batches.append(shard.described(children))
            elif name in listed:
                shard.listed(self.horizon())
            else:
                batches.append(shard.unlisted(children))
            reader_events += stage_changes(shard, stage)
        return batches, reader_events

    def _first_position(self, shard: Shard) -> Position:
        stored = self._stored.get(shard.info.shard)
        if stored is not None:
            return stored
        parents = [self.by_id[name] for name in shard.info.parents if name in self.by_id]
        if self._stored and not parents and self.horizon():
            shard.note_gap(self.horizon())  # its ancestors came and went unseen
        return lineage.child_position(parent.position for parent in parents)

    def _drop_expired(self, description: StreamDescription) -> None:
        ended = {
            name: shard.position for name, shard in self.by_id.items() if not shard.undelivered
        }
        for name in lineage.expired_shards(ended, description):
            del self.by_id[name]
            self._expired.add(name)
