"""A closed shard ends also where the service goes on giving iterators for it."""

from __future__ import annotations

import itertools

from worker.sources.kinesis.api import KinesisApi, RecordsAnswer, StreamFailure
from worker.sources.kinesis.closed_shards import ClosedShardsEnd
from worker.stream.position import HEAD
from worker.testing.strict_kinesis import StrictKinesis

NOW = 1_800_000_000_000


class NeverEnding:
    """A Kinesis as moto's: a closed shard, too, gives another iterator."""

    def __init__(self, kinesis: StrictKinesis) -> None:
        self._kinesis = kinesis
        self.describe = kinesis.describe
        self.shard_iterator = kinesis.shard_iterator

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        answer = self._kinesis.get_records(shard, iterator)
        if isinstance(answer, StreamFailure):
            return answer
        name, offset, issued = iterator.split("/")
        further = f"{name}/{int(offset) + len(answer.records)}/{issued}"
        return answer._replace(next_iterator=answer.next_iterator or further, children=())


def answer_of(api: KinesisApi, shard: str) -> RecordsAnswer:
    """What a shard has from its beginning."""
    iterator = api.shard_iterator(shard, HEAD)
    assert isinstance(iterator, str)
    answer = api.get_records(shard, iterator)
    assert isinstance(answer, RecordsAnswer)
    return answer


def test_the_end_of_a_closed_shard_that_goes_on_giving_iterators_is_found() -> None:
    seconds = itertools.count(NOW, 1000)
    kinesis = StrictKinesis(lambda: next(seconds))
    api = ClosedShardsEnd(NeverEnding(kinesis))
    (parent,) = kinesis.open_shards()
    kinesis.put(b"1", "k")
    kinesis.split(parent)
    api.describe()
    first = answer_of(api, parent)
    assert len(first.records) == 1
    assert first.next_iterator is not None
    last = api.get_records(parent, first.next_iterator)
    assert isinstance(last, RecordsAnswer)
    assert last.next_iterator is None
    assert sorted(child.shard for child in last.children) == sorted(kinesis.open_shards())


def test_a_shard_that_is_open_has_no_end() -> None:
    kinesis = StrictKinesis(lambda: NOW)
    api = ClosedShardsEnd(kinesis)
    api.describe()
    (shard,) = kinesis.open_shards()
    assert answer_of(api, shard).next_iterator is not None
