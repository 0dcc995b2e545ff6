"""A copy of a state in a bucket is all of it, of one moment."""

from __future__ import annotations

import pytest

from tests.state.commits import STREAM, change, commit, draft, evicted, key, note_on
from tests.state.s3.buckets import state_in, store_in, taken_in
from worker.errors import BadInput, CorruptState, Misconfigured
from worker.objectstore.api import ObjectStore
from worker.objectstore.retrying import Access
from worker.outbox.entries import DeliveryOutcome, Settled
from worker.partition.delta import Delta
from worker.state.s3.copying import copy_objects
from worker.state.s3.manifest import SEGMENTS
from worker.state.s3.view import S3View
from worker.testing.strict_s3 import StrictS3


def access(objects: ObjectStore) -> Access:
    return Access(objects, lambda _: None, lambda: 0.5, lambda _: None)


def filled() -> StrictS3:
    bucket = StrictS3()
    store = taken_in(bucket)
    store.append(commit(Delta(sessions=[change(1)]), [draft(1), draft(2)], [evicted(4)]))
    store.append(commit(Delta(counters={"n": 1}), [draft(3)], [evicted(5)]))
    store.compact()
    store.claim("metrics", 1)
    store.settle([Settled(1, DeliveryOutcome.APPLIED, (), note_on(1))])
    return bucket


def test_a_copy_is_the_same_state_with_its_sessions_outbox_and_ledger() -> None:
    source, target = filled(), StrictS3()
    before = dict(source.objects)
    copy_objects(access(source), access(target))
    assert source.objects == before
    one, other = S3View(access(source)), S3View(access(target))
    assert other.contents() == one.contents()
    assert other.ledger_since(0, {}) == one.ledger_since(0, {})
    assert state_in(target) == state_in(source)
    store = store_in(target)
    store.acquire(STREAM)
    assert set(store.load_sessions([key(n) for n in range(6)])) == {key(4), key(5)}
    assert [entry.body for entry in store.claim("metrics", 9)] == [b"request 2", b"request 3"]


def test_what_the_owner_commits_and_compacts_meanwhile_leaves_the_copy_whole() -> None:
    source, target = filled(), StrictS3()
    store = store_in(source)
    store.acquire(STREAM)
    steps = [
        lambda: store.append(commit(Delta(counters={"n": 1}))),
        store.compact,
        store.compact,
        store.compact,
    ]

    def meanwhile(_operation: str, _key: str) -> None:
        source.after = lambda _operation, _key: None
        if steps:
            steps.pop(0)()
        source.after = meanwhile

    source.after = meanwhile
    copy_objects(access(source), access(target))
    assert state_in(target).counters["n"] in (1, 2)
    assert len(state_in(target).sessions) == 1


def test_there_is_no_copy_over_a_state_or_of_none_or_of_half_of_one() -> None:
    source = filled()
    with pytest.raises(Misconfigured, match="already"):
        copy_objects(access(source), access(filled()))
    with pytest.raises(BadInput, match="no state"):
        copy_objects(access(StrictS3()), access(StrictS3()))
    for name in [name for name in source.objects if name.startswith(SEGMENTS)]:
        del source.objects[name]
    target = StrictS3()
    with pytest.raises(CorruptState):
        copy_objects(access(source), access(target))
    assert "manifest" not in target.objects
