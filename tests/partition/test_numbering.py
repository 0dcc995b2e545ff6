"""When sequence numbers are no longer taken to follow one another."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import PROMPT, Driven, event
from tests.scenes import BASE
from worker.events.decode import Delivery
from worker.events.event import Event, SessionKey
from worker.partition.delta import decode_delta, merge
from worker.partition.numbering import ENOUGH_SESSIONS, Numbering
from worker.partition.rules import Rules, SequenceNumbers
from worker.sessions.record import decode_record
from worker.times.minutes import MINUTE


@given(st.lists(st.booleans(), max_size=150))
def test_a_stream_is_sparse_from_when_most_of_enough_closed_sessions_were(some: list[bool]) -> None:
    numbering, counters = Numbering("auto", found_sparse=False), Counter[str]()
    expected = False
    for closed, sparse in enumerate(some, 1):
        counters["sessions_closed"] = closed
        numbering.closes(counters, sparse=sparse)
        expected |= closed >= ENOUGH_SESSIONS and sum(some[:closed]) > closed / 2
        assert numbering.found_sparse == expected == (not numbering.contiguous)
    assert counters["sparse_sessions"] == sum(some)


@pytest.mark.parametrize(("setting", "contiguous"), [("contiguous", True), ("sparse", False)])
def test_a_setting_other_than_auto_is_final(setting: SequenceNumbers, contiguous: bool) -> None:
    numbering = Numbering(setting, found_sparse=contiguous)
    numbering.judge(1000, 1000 * contiguous)
    assert numbering.contiguous == contiguous


def arriving(sessions: int, step: int, start: int = 0) -> list[Event]:
    """Sessions of 25 events each, whose numbers are so far apart; ``start`` in ms since BASE."""
    return [
        Event(
            SessionKey("twilio", "AC1", "CA1", f"VX{start + n}"),
            BASE + start + at,
            step * at,
            name,
            None,
            BASE,
        )
        for n in range(sessions)
        for at, name in enumerate([*[PROMPT] * 24, "call_wrap_up"])
    ]


def fold(driven: Driven, events: list[Event], until: int) -> None:
    deliveries = [Delivery(one, "shard-0", "1", BASE, b"") for one in events]
    driven.partition.tip("shard-0", BASE)
    driven.partition.advance(["shard-0"])
    driven.partition.fold(deliveries)
    driven.partition.tip("shard-0", BASE + until)
    driven.partition.advance(["shard-0"])
    driven.commit()


def test_what_was_found_is_committed_and_never_taken_back() -> None:
    driven = Driven(Rules())
    fold(driven, arriving(ENOUGH_SESSIONS, 2), 10 * MINUTE)
    assert driven.partition.found_sparse
    restored = Driven(Rules(), merge(map(decode_delta, driven.deltas)))
    assert not restored.partition.contiguous
    contiguous = Driven(Rules())
    fold(contiguous, arriving(ENOUGH_SESSIONS, 1), 10 * MINUTE)
    assert contiguous.partition.contiguous


def test_offline_all_sessions_are_judged_before_any_of_them_closes() -> None:
    driven = Driven(Rules())
    driven.partition.fold(
        [Delivery(one, "s", "1", BASE, b"") for one in arriving(ENOUGH_SESSIONS, 3)]
    )
    driven.partition.judge_numbers()
    assert driven.partition.found_sparse
    few = Driven(Rules())
    few.partition.fold([Delivery(event(0, PROMPT), "s", "1", BASE, b"")])
    few.partition.judge_numbers()
    assert few.partition.contiguous


def test_offline_the_first_sessions_to_close_do_not_decide_for_all() -> None:
    driven = Driven(Rules())
    early, later = arriving(ENOUGH_SESSIONS, 3), arriving(ENOUGH_SESSIONS, 1, MINUTE)
    driven.partition.fold([Delivery(one, "s", "1", BASE, b"") for one in early + later])
    driven.partition.judge_numbers()
    driven.partition.finish(driven.partition.keys())
    assert driven.partition.counters["sparse_sessions"] == ENOUGH_SESSIONS
    assert driven.partition.contiguous


def told_of(driven: Driven, metric: str) -> int:
    return sum(n for _, one, n in driven.told if one.series.metric == metric)


def test_closed_sessions_stay_as_their_records_have_them() -> None:
    driven = Driven(Rules())
    fold(driven, arriving(ENOUGH_SESSIONS, 2), 10 * MINUTE)
    prompts = 24 * ENOUGH_SESSIONS
    assert driven.partition.found_sparse
    assert told_of(driven, "DoubtfulPrompts") == prompts
    assert told_of(driven, "UnansweredPrompts") == 0
    late = Event(SessionKey("twilio", "AC1", "CA1", "VX7"), BASE + 30, 60, "dtmf", None, BASE)
    deliveries = [Delivery(late, "s", "1", BASE, b"")]
    driven.partition.fold_misses(
        driven.partition.fold_resident(deliveries), {late.key: driven.evicted(late.key)}
    )
    driven.partition.tip("shard-0", BASE + 12 * MINUTE)
    driven.partition.advance(["shard-0"])
    (line,) = driven.commit().records
    record = decode_record(line.line)
    assert (record.revision, record.doubtful_prompts, record.unanswered_prompts) == (2, 24, 0)
    assert driven.partition.counters["samples_retracted"] == 0
    assert told_of(driven, "DoubtfulPrompts") == prompts


def test_open_sessions_are_analysed_again_when_a_stream_is_found_sparse() -> None:
    driven = Driven(Rules())
    still = [one for one in arriving(1, 2, 9 * MINUTE) if one.name == PROMPT]
    fold(driven, [*arriving(ENOUGH_SESSIONS, 2), *still], 60 * MINUTE)
    assert driven.partition.found_sparse
    assert told_of(driven, "UnansweredPrompts") == len(still)
