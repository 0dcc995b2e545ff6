"""The S3 store: whatever happens at any one of its calls, a commit is whole or isn't there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.state.commits import (
    CALL,
    KINDS,
    NOON,
    STREAM,
    change,
    commit,
    draft,
    evicted,
    key,
    without_threes,
)
from tests.state.s3.buckets import (
    EAGER,
    NEVER,
    Crashed,
    at_call,
    calls_of,
    copied,
    crash,
    manifest_in,
    needed_in,
    nth,
    segments_in,
    state_in,
    store_in,
    taken_in,
)
from worker.errors import CorruptState, Fenced, Misconfigured, StreamReplaced
from worker.outbox.entries import DeliveryOutcome, EntryKind, NewEntry, Settled
from worker.partition.delta import Delta
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.store import S3Store
from worker.testing.strict_s3 import S3Fault, S3Operation, StrictS3

LETTER = NewEntry("dead_letters", b"bad\n", NOON)
MORE = commit(
    Delta(counters={"events": 5}, removed=[1], sessions=[change(2, b" more", 2)]),
    [draft(7), LETTER],
    [evicted(1, NOON + 5, 2), evicted(3)],
    NOON - 5,
)


def nothing(_operation: S3Operation, _key: str) -> None:
    """Disturb no call."""


def acquire(store: S3Store) -> object:
    return store.acquire(STREAM)


def compact_twice(store: S3Store) -> None:
    """What is unnamed is swept by the second one."""
    store.compact()
    store.compact()


ACTS: dict[str, Callable[[S3Store], object]] = {
    "append": lambda store: store.append(MORE),
    "claim": lambda store: store.claim("metrics", 2),
    "claim nothing": lambda store: store.claim("records", 2),
    "settle": lambda store: store.settle(
        [Settled(1, DeliveryOutcome.APPLIED), Settled(2, DeliveryOutcome.AMBIGUOUS)]
    ),
    "settle an invalid one": lambda store: store.settle(
        [Settled(1, DeliveryOutcome.INVALID, (draft(8), LETTER))]
    ),
    "compact and sweep": compact_twice,
    "recall": lambda store: store.load_sessions([key(1), key(4), key(9)]),
    "erase": lambda store: store.erase(CALL, without_threes),
    "take": acquire,
}
WRITES = [name for name in ACTS if name != "recall"]


class Seen(NamedTuple):
    """What a new owner finds."""

    state: Delta
    outbox: list[tuple[EntryKind, bytes, int, int]]
    recalled: dict[Any, Any]


def seen(bucket: StrictS3) -> Seen:
    """What a new owner would find; nothing is changed by that."""
    store = store_in(copied(bucket), NEVER)
    state = store.acquire(STREAM)
    entries = [one for kind in KINDS for one in store.claim(kind, 99)]
    outbox = [(one.kind, one.body, one.attempts, one.ambiguous) for one in entries]
    return Seen(state, outbox, store.load_sessions([key(n) for n in range(6)]))


def prepared() -> tuple[StrictS3, S3Store]:
    """Some commits, one of them compacted away, and two entries that are being sent."""
    bucket = StrictS3(page=2)
    store = taken_in(bucket, EAGER)
    store.append(commit(Delta(sessions=[change(1, b"one"), change(2, b"two")]), [draft(1)]))
    store.append(commit(Delta(counters={"events": 2}), [draft(2), draft(3)], [evicted(4)]))
    store.claim("metrics", 2)
    store.compact()
    store.append(commit(Delta(counters={"events": 3}), [draft(4)], [evicted(1), evicted(5)]))
    store.append(commit(Delta(counters={"events": 4})))
    return bucket, store


def undisturbed(act: Callable[[S3Store], object]) -> tuple[object, Seen, Seen, int]:
    """Its answer, what there was before and after it, and how many calls it made."""
    bucket, store = prepared()
    before = seen(bucket)
    answers: list[object] = []
    calls = calls_of(bucket, lambda: answers.append(act(store)))
    return answers[0], before, seen(bucket), calls


@pytest.mark.parametrize("name", ACTS)
def test_after_a_crash_at_any_call_a_new_owner_finds_all_of_it_or_nothing(name: str) -> None:
    act = ACTS[name]
    _, before, after, calls = undisturbed(act)
    assert calls > 0
    found = []
    for n in range(calls):
        for moment in ("before", "after"):
            bucket, store = prepared()
            hook = at_call(n, crash)
            if moment == "before":
                bucket.faults = hook
            else:
                bucket.after = hook
            with pytest.raises(Crashed):
                act(store)
            found.append(seen(bucket))
            assert found[-1] in (before, after)
            assert set(needed_in(bucket)) <= set(bucket.objects)
    # once it has happened it has not un-happened
    assert found == sorted(found, key=lambda one: one == after and before != after)


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("fault", S3Fault)
def test_a_fault_at_any_call_changes_no_answer_and_no_state(name: str, fault: S3Fault) -> None:
    act = ACTS[name]
    answer, _, after, calls = undisturbed(act)
    for n in range(calls):
        bucket, store = prepared()
        bucket.faults = nth(n, fault)
        assert act(store) == answer
        bucket.deliver()
        assert seen(bucket) == after
        store.append(commit(Delta(counters={"events": 1})))  # still the owner
        assert set(needed_in(bucket)) <= set(bucket.objects)


def test_what_is_denied_at_the_start_is_reported_and_leaves_all_of_it_or_nothing() -> None:
    _, before, after, calls = undisturbed(acquire)
    for n in range(calls):
        bucket, _ = prepared()
        bucket.faults = nth(n, S3Fault.DENIED)
        with pytest.raises(Misconfigured, match=bucket.url):
            acquire(store_in(bucket))
        assert seen(bucket) in (before, after)


@pytest.mark.parametrize("name", [name for name in WRITES if name != "take"])
def test_a_state_that_is_deleted_under_its_owner_is_called_that(name: str) -> None:
    bucket, store = prepared()
    bucket.objects.clear()
    with pytest.raises(CorruptState, match=r"deleted|missing"):
        ACTS[name](store)
    with pytest.raises(CorruptState, match=r"deleted|missing"):
        store.append(MORE)
    assert "manifest" not in bucket.objects


@pytest.mark.parametrize("name", [name for name in WRITES if name != "take"])
def test_an_owner_overtaken_at_any_call_is_fenced_and_changes_nothing_more(name: str) -> None:
    act = ACTS[name]
    _, before, after, calls = undisturbed(act)
    for n in range(calls):
        bucket, store = prepared()
        left: list[bytes] = []
        other = store_in(bucket, NEVER)

        def overtake(
            other: S3Store = other, bucket: StrictS3 = bucket, left: list[bytes] = left
        ) -> None:
            other.acquire(STREAM)
            left.append(bucket.objects[MANIFEST])

        bucket.after = at_call(n, overtake)
        with suppress(Fenced):
            act(store)
        assert bucket.objects[MANIFEST] == left[0]
        assert seen(bucket) in (before, after)
        for again in (act, ACTS["append"], ACTS["claim"], ACTS["settle"]):
            with pytest.raises(Fenced):
                again(store)
        assert bucket.objects[MANIFEST] == left[0]
        assert set(needed_in(bucket)) <= set(bucket.objects)
        other.append(MORE)


def test_of_two_that_take_at_once_exactly_one_owns() -> None:
    _, _, _, calls = undisturbed(acquire)
    for n in range(calls):
        bucket, _ = prepared()
        first, second = store_in(bucket), store_in(bucket)
        bucket.after = at_call(n, partial(acquire, second))
        first.acquire(STREAM)
        owns = []
        for store in (first, second):
            try:
                store.append(commit(Delta(counters={"events": 1})))
                owns.append(store)
            except Fenced:
                pass
        assert len(owns) == 1
        assert manifest_in(bucket).epoch == 3


def test_two_that_take_what_was_never_there_find_one_beginning() -> None:
    for n in range(calls_of(fresh := StrictS3(), lambda: store_in(fresh).acquire(STREAM))):
        bucket = StrictS3()
        first, second = store_in(bucket), store_in(bucket)
        bucket.after = at_call(n, partial(acquire, second))
        assert first.acquire(STREAM) == Delta()
        assert manifest_in(bucket).epoch in (1, 2)


def test_commits_beside_compaction_are_kept_wherever_it_stands() -> None:
    compact = ACTS["compact and sweep"]
    _, before, _, calls = undisturbed(compact)
    wanted = before.state.counters["events"] + 5
    beside = 0
    for n in range(calls):
        bucket, store = prepared()
        done: list[None] = []
        reached = at_call(n, partial(done.append, None))

        def commits(
            operation: S3Operation,
            name: str,
            reached: Callable[[S3Operation, str], None] = reached,
            bucket: StrictS3 = bucket,
            store: S3Store = store,
            done: list[None] = done,
        ) -> None:
            reached(operation, name)
            if done and name != MANIFEST:  # swaps come one after the other
                bucket.after = nothing
                store.append(MORE)

        bucket.after = commits
        compact(store)
        found = seen(bucket).state.counters["events"]
        beside += found == wanted
        assert found in (wanted, wanted - 5)
        assert store.load_sessions([key(3)]).keys() == seen(bucket).recalled.keys() & {key(3)}
        assert set(needed_in(bucket)) <= set(bucket.objects)
    assert beside > calls / 2


def test_what_nobody_names_is_swept_and_nothing_else() -> None:
    bucket, store = prepared()
    expected = seen(bucket)
    for _ in range(4):
        store.compact()
    assert segments_in(bucket) == needed_in(bucket)
    assert seen(bucket) == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=12))
def test_whatever_was_acknowledged_is_found_by_the_owner_after_a_crash(
    crashes: list[tuple[int, bool]],
) -> None:
    bucket = StrictS3()
    acknowledged = tried = 0
    for n, before in crashes:
        bucket.faults = bucket.after = nothing
        store = taken_in(bucket)
        hook = at_call(n, crash)
        if before:
            bucket.faults = hook
        else:
            bucket.after = hook
        try:
            for _ in range(3):
                tried += 1
                store.append(commit(Delta(counters={"events": 1}), [draft(tried)], [evicted(1)]))
                acknowledged += 1
                store.compact()
        except Crashed:
            # of the one that was under way nobody knows but the bucket
            found = state_in(copied(bucket)).counters.get("events", 0)
            assert found in (acknowledged, acknowledged + 1)
            acknowledged = found
    assert state_in(bucket).counters.get("events", 0) == acknowledged


def test_a_state_of_another_stream_is_refused_and_left_alone() -> None:
    bucket, store = prepared()
    before = dict(bucket.objects)
    with pytest.raises(StreamReplaced, match=bucket.url):
        store_in(bucket).acquire("another")
    assert bucket.objects == before
    store.append(MORE)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[:-3],
    "empty": lambda data: b"",
    "no segment": lambda data: data[:-1] + b"!",
    "a flipped bit": lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
    "version N+1": lambda data: data[:-8] + b"\x02\x00" + data[-6:],
    "version 0": lambda data: data[:-8] + b"\x00\x00" + data[-6:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_segment_is_named_with_the_last_good_commit_and_nothing_is_changed(
    damage: str,
) -> None:
    bucket = StrictS3()
    store = taken_in(bucket, NEVER)
    for n in range(4):
        store.append(commit(Delta(counters={"events": n})))
    third = needed_in(bucket)[2]
    bucket.objects[third] = DAMAGE[damage](bucket.objects[third])
    before = dict(bucket.objects)
    with pytest.raises(CorruptState) as caught:
        store_in(bucket).acquire(STREAM)
    assert third in str(caught.value)
    assert "last good commit is 2" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert bucket.objects == before
    store.append(MORE)  # the owner so far goes on


def test_a_manifest_that_comes_while_it_is_looked_for_is_not_missing() -> None:
    bucket = StrictS3()
    first: list[S3Store] = []
    bucket.after = at_call(0, lambda: first.append(taken_in(bucket)))
    assert store_in(bucket).acquire(STREAM) == Delta()
    with pytest.raises(Fenced):
        first[0].append(commit())


def test_a_missing_segment_is_named_with_the_last_good_commit() -> None:
    bucket = StrictS3()
    store = taken_in(bucket, NEVER)
    for n in range(3):
        store.append(commit(Delta(counters={"events": n})))
    first = needed_in(bucket)[0]
    del bucket.objects[first]
    with pytest.raises(CorruptState, match=f"{first}.*missing.*no good commit before"):
        store_in(bucket).acquire(STREAM)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data.replace(b'"epoch":1', b'"epoch":9'),
        lambda data: data.replace(b"state 1 ", b"state 2 "),
        lambda data: None,
    ],
)
def test_a_manifest_that_can_not_be_read_names_the_last_commit_beside_it(
    spoil: Callable[[bytes], bytes | None],
) -> None:
    bucket = StrictS3(page=1)
    store = taken_in(bucket, NEVER)
    for n in range(3):
        store.append(commit(Delta(counters={"events": n})))
    spoilt = spoil(bucket.objects.pop(MANIFEST))
    if spoilt is not None:
        bucket.objects[MANIFEST] = spoilt
    before = dict(bucket.objects)
    with pytest.raises(CorruptState, match="the last commit beside it is 3") as caught:
        store_in(bucket).acquire(STREAM)
    assert f"{bucket.url}/{MANIFEST}" in str(caught.value)
    assert bucket.objects == before
