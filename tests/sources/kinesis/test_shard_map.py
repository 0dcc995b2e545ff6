"""Which shards are known: the children of an ended one, from its last answer or a shard sync."""

from __future__ import annotations

from worker.sources.kinesis.api import RecordsAnswer
from worker.sources.kinesis.lineage import ShardInfo, StreamDescription
from worker.sources.kinesis.shard_consumer import Shard, ShardStage
from worker.sources.kinesis.shard_map import ShardMap
from worker.stream.position import Position

CREATED = 1_790_000_000_000
AFTER = Position("after", "49", CREATED)


def known(*names: str) -> ShardMap:
    """These shards, all being read."""
    shards = ShardMap(dict.fromkeys(names, AFTER), CREATED)
    infos = tuple(map(ShardInfo, names))
    shards.described(StreamDescription("arn", CREATED, 86_400_000, CREATED, infos), 0, 0)
    for shard in shards.by_id.values():
        shard.iterator_came("i", 0, 0)
    return shards


def ended(shards: ShardMap, name: str, *children: ShardInfo) -> Shard:
    """The shard after its last answer, which names ``children``."""
    shard = shards.by_id[name]
    shards.answered(shard, RecordsAnswer([], None, 0, None, 0, children), 1, 0)
    return shard


def test_children_that_a_shards_end_names_are_known_without_a_sync() -> None:
    shards = known("a", "b")
    children = (ShardInfo("c", ("a",)), ShardInfo("d", ("a", "b")))
    assert ended(shards, "a", *children).stage is ShardStage.ENDED
    assert list(shards.by_id) == ["a", "b", "c", "d"]
    assert not shards.unresolved()


def test_a_child_whose_other_parent_is_unknown_is_left_to_a_sync() -> None:
    shards = known("a")
    assert ended(shards, "a", ShardInfo("d", ("a", "b"))).stage is ShardStage.ENDING
    assert list(shards.by_id) == ["a"]
    assert shards.unresolved()
