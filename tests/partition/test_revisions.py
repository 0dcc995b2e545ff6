"""The last revisions of closed sessions are known for a day, however they were committed."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from worker.events.event import SessionKey
from worker.partition.delta import Delta, decode_delta, encode_delta, merge
from worker.partition.revisions import REVISIONS_KEPT_MS, LastRevisions

HOUR = 3_600_000


def key(number: int) -> SessionKey:
    return SessionKey("twilio", "AC1", "CA1", f"VX{number}")


closes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=30)


@given(closes, st.booleans())
def test_a_session_is_known_by_its_last_close_of_a_day(
    some: list[tuple[int, int]], restarts: bool
) -> None:
    revisions, deltas = LastRevisions({}), [Delta()]
    last: dict[int, tuple[int, int]] = {}
    for revision, (number, hour) in enumerate(sorted(some, key=lambda one: one[1]), 1):
        revisions.remember(key(number), hour * HOUR, revision)
        last[number] = revision, hour * HOUR
        deltas.append(
            decode_delta(encode_delta(Delta(stream_time=hour * HOUR, revisions=revisions.drain())))
        )
        if restarts:
            revisions = LastRevisions(merge(deltas).revisions)
        for one, (newest, closed_at) in last.items():
            known = newest if closed_at > hour * HOUR - REVISIONS_KEPT_MS else 0
            assert revisions.revision(key(one), hour * HOUR) == known
    assert revisions.revision(key(6), 0) == 0


def test_a_merge_lets_go_of_what_a_day_has_passed_over() -> None:
    revisions = LastRevisions({})
    revisions.remember(key(1), 0, 1)
    old = Delta(stream_time=0, revisions=revisions.drain())
    assert merge([old, Delta(stream_time=23 * HOUR)]).revisions
    assert not merge([old, Delta(stream_time=29 * HOUR)]).revisions


def test_a_day_of_sessions_takes_24_bytes_a_session_once_their_hours_have_passed() -> None:
    sessions, revisions = 4_000, LastRevisions({})
    tracemalloc.start()
    try:
        for number in range(sessions):
            revisions.remember(key(number), 0, 1)
        revisions.drain()
        revisions.remember(key(sessions), 5 * HOUR, 1)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 30 * sessions
    assert revisions.revision(key(17), 6 * HOUR) == 1
