"""Compaction of a log of segments: of its whole, and of its end, which says less than the whole."""

from __future__ import annotations

from random import Random

from tests.state.commits import change, commit
from tests.state.s3.buckets import manifest_in, state_in, taken_in
from worker.partition.delta import Delta
from worker.state.s3.maintenance import MaintenanceSchedule
from worker.testing.strict_s3 import StrictS3

BY_TWOS = MaintenanceSchedule(commits=2, size=1 << 40, sweep_every=1 << 40)


def test_a_session_that_went_stays_away_though_only_the_logs_end_was_merged() -> None:
    bucket = StrictS3()
    store = taken_in(bucket, BY_TWOS)
    store.append(commit(Delta(sessions=[change(1, Random(1).randbytes(50_000)), change(2)])))
    store.append(commit(Delta(counters={"n": 1})))
    store.compact()
    store.append(commit(Delta(removed=[1])))
    store.append(commit(Delta(counters={"n": 1})))
    store.compact()
    assert len(manifest_in(bucket).log) == 2
    assert [one.number for one in state_in(bucket).sessions] == [2]


def test_what_has_come_and_gone_leaves_nothing_in_a_log_that_is_merged_whole() -> None:
    sizes = []
    for sessions in (0, 400):
        bucket = StrictS3()
        store = taken_in(bucket, BY_TWOS)
        store.append(commit(Delta(sessions=[change(n) for n in range(sessions)])))
        store.append(commit(Delta(removed=list(range(sessions)))))
        store.compact()
        assert len(manifest_in(bucket).log) == 1
        sizes.append(store.size())
    assert sizes[0] == sizes[1]
