"""The last revisions of closed sessions are known for a day, however they were committed."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from worker.events.event import SessionKey
from worker.partition.delta import Delta, decode, encode, merge
from worker.partition.forgotten import KEPT, Forgotten

HOUR = 3_600_000


def key(number: int) -> SessionKey:
    return SessionKey("twilio", "AC1", "CA1", f"VX{number}")


closes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=30)


@given(closes, st.booleans())
def test_a_session_is_known_by_its_last_close_of_a_day(
    some: list[tuple[int, int]], restarts: bool
) -> None:
    forgotten, deltas = Forgotten({}), [Delta()]
    last: dict[int, tuple[int, int]] = {}
    for revision, (number, hour) in enumerate(sorted(some, key=lambda one: one[1]), 1):
        forgotten.note(key(number), hour * HOUR, revision)
        last[number] = revision, hour * HOUR
        deltas.append(decode(encode(Delta(stream_time=hour * HOUR, forgotten=forgotten.take()))))
        if restarts:
            forgotten = Forgotten(merge(deltas).forgotten)
        for one, (newest, closed_at) in last.items():
            known = newest if closed_at > hour * HOUR - KEPT else 0
            assert forgotten.revision(key(one), hour * HOUR) == known
    assert forgotten.revision(key(6), 0) == 0


def test_a_merge_lets_go_of_what_a_day_has_passed_over() -> None:
    forgotten = Forgotten({})
    forgotten.note(key(1), 0, 1)
    old = Delta(stream_time=0, forgotten=forgotten.take())
    assert merge([old, Delta(stream_time=23 * HOUR)]).forgotten
    assert not merge([old, Delta(stream_time=29 * HOUR)]).forgotten


def test_a_day_of_sessions_takes_24_bytes_a_session_once_their_hours_have_passed() -> None:
    sessions, forgotten = 4_000, Forgotten({})
    tracemalloc.start()
    try:
        for number in range(sessions):
            forgotten.note(key(number), 0, 1)
        forgotten.take()
        forgotten.note(key(sessions), 5 * HOUR, 1)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 30 * sessions
    assert forgotten.revision(key(17), 6 * HOUR) == 1
