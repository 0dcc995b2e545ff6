"""A state in a bucket looked into from outside: what its ledger says, whatever its owners did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.outbox.outboxes import metrics, tokens
from tests.state.commits import change, commit, evicted
from tests.state.s3.buckets import Crashed, manifest_in, taken_in
from worker.destinations.cloudwatch.requests import DATUMS
from worker.errors import CorruptState
from worker.objectstore.retrying import Access
from worker.outbox.entries import DeliveryOutcome, Settled
from worker.outbox.ledger import Note, tally_of
from worker.partition.delta import Delta
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.view import S3View, ledger_since
from worker.testing.strict_s3 import S3Operation, StrictS3


def access(bucket: StrictS3) -> Access:
    return Access(bucket, lambda _: None, lambda: 0.5, lambda _: None)


def found_in(bucket: StrictS3, sid: str | None) -> list[tuple[str, int]]:
    """The session ids and revisions of what is found."""
    found = S3View(access(bucket)).find_sessions(sid)
    return sorted((one.state.key.session_id, one.state.revision) for one in found)


def crashing_at(bucket: StrictS3, key: str) -> Callable[[S3Operation, str], None]:
    def faults(operation: S3Operation, called: str) -> None:
        if operation == "put" and called == key:
            raise Crashed

    return faults


def test_a_note_left_by_an_owner_that_died_before_its_swap_hides_no_attempt() -> None:
    bucket = StrictS3()
    (draft,) = metrics(tokens(a=3))
    first = taken_in(bucket)
    first.append(commit(new_entries=[draft]))
    (entry,) = first.claim("metrics", 1)
    note = Note(entry.id, "metrics", 0, 1, DATUMS.counts(entry.body))
    bucket.faults = crashing_at(bucket, MANIFEST)
    with pytest.raises(Crashed):
        first.settle([Settled(entry.id, DeliveryOutcome.APPLIED, (), note)])
    bucket.faults = lambda _operation, _key: None
    second = taken_in(bucket)
    assert [one.ambiguous for one in second.claim("metrics", 1)] == [1]
    ended, waiting = ledger_since(access(bucket), 0, {"metrics": DATUMS})
    assert ended == S3View(access(bucket)).notes() == []
    ((least, most),) = tally_of(waiting).values()
    assert (least, most) == (0, 4)
    second.settle([Settled(entry.id, DeliveryOutcome.APPLIED, (), note)])
    ended, waiting = ledger_since(access(bucket), 0, {"metrics": DATUMS})
    assert ([one.entry for one in ended], waiting) == ([entry.id], [])
    assert S3View(access(bucket)).notes() == ended


def test_sessions_are_found_open_or_closed_by_session_or_by_call() -> None:
    bucket = StrictS3()
    owner = taken_in(bucket)
    owner.append(commit(Delta(sessions=[change(1), change(2)]), away=[evicted(4), evicted(5)]))
    assert found_in(bucket, "VX1") == [("VX1", 0)]
    assert found_in(bucket, "VX4") == [("VX4", 1)]
    assert found_in(bucket, "CA1") == [("VX1", 0), ("VX4", 1)]
    assert found_in(bucket, "VX9") == []
    assert found_in(bucket, None) == [("VX1", 0), ("VX2", 0), ("VX4", 1), ("VX5", 1)]
    assert S3View(access(bucket)).contents().closed_sessions == 2


def test_closed_sessions_are_found_without_the_open_ones() -> None:
    bucket = StrictS3()
    owner = taken_in(bucket)
    owner.append(commit(Delta(sessions=[change(1), change(2)]), away=[evicted(4), evicted(5)]))
    view = S3View(access(bucket))
    for sid, names in (("VX4", ["VX4"]), ("CA1", ["VX4"]), ("VX1", [])):
        assert [one.state.key.session_id for one in view.find_closed_sessions(sid)] == names


def test_a_session_that_went_twice_is_found_once_as_it_now_is() -> None:
    bucket = StrictS3()
    owner = taken_in(bucket)
    owner.append(commit(away=[evicted(1)]))
    owner.append(commit(away=[evicted(1, revision=2)]))
    assert found_in(bucket, "VX1") == [("VX1", 2)]


def test_a_damaged_closed_session_is_corrupt_state() -> None:
    bucket = StrictS3()
    taken_in(bucket).append(commit(away=[evicted(4)]))
    (ref,) = (ref for ref in manifest_in(bucket).refs() if ref.footer)
    bucket.objects[ref.name] = bytes(ref.footer) + bucket.objects[ref.name][ref.footer :]
    with pytest.raises(CorruptState, match=ref.name):
        found_in(bucket, "VX4")


def test_it_is_seen_whether_the_streams_numbers_were_found_sparse() -> None:
    bucket = StrictS3()
    owner = taken_in(bucket)
    owner.append(commit(Delta(counters={"events": 1})))
    assert not S3View(access(bucket)).found_sparse()
    owner.append(commit(Delta(found_sparse=True)))
    owner.append(commit(Delta(counters={"events": 1})))
    assert S3View(access(bucket)).found_sparse()
