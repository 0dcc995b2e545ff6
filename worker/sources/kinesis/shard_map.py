"""All shards of one stream that are known, from the first word of each to its last. Pure.

- A shard is known once a survey lists it, its parent's end names it, or a position is stored.
- Answers leave open whether a shard still exists and, with some servers, what its children are:
  surveys settle that.
- A shard is begun, and forgotten, by the rules of ``lineage``.
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
    """The shards of a stream. ``created``: its creation time (epoch ms), which ``positions``,
    those stored, belong to. Other times are monotonic milliseconds.
    """

    def __init__(self, positions: Mapping[str, Position], created: int) -> None:
        self.by_id: dict[str, Shard] = {}
        """For reading; in the order in which they came to be known."""
        self._stored = dict(positions)
        self._created = created
        self._survey: StreamDescription | None = None
        self._server_now = 0
        self._forgotten: set[str] = set()

    def horizon(self) -> int:
        """The arrival time (epoch ms) before which the stream may have dropped records; 0: none."""
        return 0 if self._survey is None else lineage.trim_horizon(self._survey, self._server_now)

    def unresolved(self) -> bool:
        """Whether any shard waits for a survey."""
        return any(shard.unresolved for shard in self.by_id.values())

    def answered(self, shard: Shard, answer: RecordsAnswer, description: int, now: int) -> Batch:
        """What ``answer`` adds to ``shard``. ``describe``: the number of the next one."""
        self._server_now = max(self._server_now, answer.server_date or 0)
        children = answer.children
        if any(parent not in self.by_id for child in children for parent in child.parents):
            children = ()  # a merge's other parent may be new too: let a survey tell
        if not answer.records and self._is_closed(shard.info.shard):
            # its children may hold records from before the date of this answer
            answer = answer._replace(server_date=None)
        batch = shard.answer_came(answer, children, description, now)
        if batch.ended:
            for child in children:
                self._add(child)
        return batch

    def described(
        self, description: StreamDescription, number: int, now: int
    ) -> tuple[list[Batch], list[ReaderEvent]]:
        """Take in a survey: the last batches of shards that it shows to be at their ends, and
        what else it settles. Raises StreamReplaced if the stream was made anew.
        """
        if description.created != self._created:
            raise StreamReplaced(
                "the stream was deleted and made anew under its name:"
                f" created {description.created}, positions are of {self._created} (epoch ms)"
            )
        first = self._survey is None
        self._survey = description
        self._server_now = max(self._server_now, description.server_date or 0)
        for info in description.shards:
            self._add(info)
        if first:
            for name in self._stored:
                self._add(ShardInfo(name))
        settled = self._resolve(description, number)
        self.promote(now)
        self._drop_expired(description)
        return settled

    def promote(self, now: int) -> None:
        """Let every shard begin whose parents have all handed over their ends."""
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
        """Ended shards, each told once, that the stream no longer has: drop their positions."""
        shards = sorted(self._forgotten)
        self._forgotten.clear()
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
        """Whether a shard is known to have come to its end, read or not: it has children."""
        return any(name in shard.info.parents for shard in self.by_id.values())

    def _resolve(
        self, description: StreamDescription, number: int
    ) -> tuple[list[Batch], list[ReaderEvent]]:
        batches: list[Batch] = []
        notices: list[ReaderEvent] = []
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
            notices += stage_changes(shard, stage)
        return batches, notices

    def _first_position(self, shard: Shard) -> Position:
        stored = self._stored.get(shard.info.shard)
        if stored is not None:
            return stored
        parents = [self.by_id[name] for name in shard.info.parents if name in self.by_id]
        if self._stored and not parents and self.horizon():
            shard.note_gap(self.horizon())  # of a family that came and went unseen
        return lineage.child_position(parent.position for parent in parents)

    def _drop_expired(self, description: StreamDescription) -> None:
        ended = {
            name: shard.position for name, shard in self.by_id.items() if not shard.undelivered
        }
        for name in lineage.expired_shards(ended, description):
            del self.by_id[name]
            self._forgotten.add(name)
