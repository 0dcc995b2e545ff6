from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.pacing import BEHIND, LONGEST_BACKOFF
from worker.sources.kinesis.reader_events import BackedOff, FoundAgain
from worker.sources.kinesis.shard_sync import SYNC_AGAIN, SYNC_EVERY, ShardSyncPacing
from worker.times.minutes import AFTER_ALL

NOW = 5_000_000
TIMES = st.integers(NOW, NOW + 2 * SYNC_EVERY)
THROTTLED = StreamFailure(StreamFailureKind.THROTTLED, "injected")


def described(*, awaited: bool = False) -> ShardSyncPacing:
    """After a first sync, which came at ``NOW``."""
    pacing = ShardSyncPacing()
    pacing.begin()
    pacing.succeeded(awaited, NOW)
    return pacing


def test_the_first_sync_is_due_at_once() -> None:
    assert ShardSyncPacing().due() <= 0


@given(st.lists(TIMES))
def test_while_a_sync_is_in_flight_none_is_due_whatever_waits_for_one(waits: list[int]) -> None:
    pacing = described()
    pacing.begin()
    for now in waits:
        pacing.request_soon(now)
        assert pacing.due() == AFTER_ALL


@pytest.mark.parametrize(("awaited", "wait"), [(False, SYNC_EVERY), (True, SYNC_AGAIN)])
def test_a_sync_follows_another_sooner_if_a_shard_still_waits(awaited: bool, wait: int) -> None:
    assert described(awaited=awaited).due() == NOW + wait


@given(TIMES)
def test_a_shard_that_comes_to_wait_brings_a_sync_forward_but_not_close_upon_the_last(
    now: int,
) -> None:
    pacing = described()
    before = pacing.due()
    pacing.request_soon(now)
    assert NOW + SYNC_AGAIN <= pacing.due() <= before
    assert pacing.due() <= max(now, NOW + SYNC_AGAIN)


def test_a_sync_in_flight_is_not_the_next_one() -> None:
    pacing = ShardSyncPacing()
    awaited = pacing.next_number()
    assert awaited == 1
    pacing.begin()
    assert pacing.begun == awaited
    assert pacing.next_number() > pacing.begun


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_failed_syncs_back_off_and_are_counted_until_one_succeeds(
    failures: int, fraction: float
) -> None:
    pacing = ShardSyncPacing()
    for attempt in range(1, failures + 1):
        pacing.begin()
        told = pacing.failed(THROTTLED, lambda: fraction, NOW)
        assert told == BackedOff("", THROTTLED, attempt, pacing.due() - NOW)
        assert BEHIND <= told.wait <= BEHIND + LONGEST_BACKOFF
    pacing.begin()
    assert pacing.succeeded(awaited=False, now=NOW) == [FoundAgain(failures)]
    pacing.begin()
    assert pacing.succeeded(awaited=False, now=NOW) == []
