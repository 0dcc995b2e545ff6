"""The parts of a wait, as a bar and as a sentence."""

from __future__ import annotations

from msgspec.structs import replace

from tests.building import (
    AGENT,
    AGENT_ENDS,
    CUSTOMER,
    CUSTOMER_ENDS,
    FIRST,
    PROMPT,
    closed,
    held_of,
)
from tests.page.calls import records
from tests.scenes import Scene
from worker.reports.turn_parts import Parts, bars, longest, parts_of, sentence
from worker.sessions.record import to_record
from worker.sessions.schema import SessionRecord

SLOW: Scene = (
    (0, CUSTOMER),
    (1_000, CUSTOMER_ENDS),
    (1_200, PROMPT),
    (12_200, FIRST),
    (12_400, AGENT),
    (13_000, AGENT_ENDS),
)
GIVEN_UP: Scene = (*SLOW, (14_000, CUSTOMER), (15_000, CUSTOMER_ENDS), (15_100, PROMPT))


def record(*scene: tuple[object, ...]) -> SessionRecord:
    held = closed(held_of(*scene))
    return to_record(held.state, held.analysis(contiguous=True))


def test_parts_add_up_to_the_wait_and_what_is_spoken_in_it() -> None:
    told = 0
    for one in records():
        assert one.timeline is not None
        spoken = {wait.audio: wait.speech_ms for wait in one.timeline.waits}
        for row, parts in zip(one.turn_rows, parts_of(one), strict=True):
            if parts is None or not parts.ended:
                continue
            assert parts.wait == row.caller_wait_ms
            if parts.application is not None:
                assert parts.length - parts.wait in {0, *spoken.values()}
                told += 1
    assert told > 100


def test_a_sentence_says_what_to_see() -> None:
    (parts,) = parts_of(record(*SLOW))
    assert parts == Parts(1, 11_400, 200, 11_000, 200, ended=True)
    assert sentence("VX1", parts) == (
        "turn 1 of VX1: the caller waited 11.4 s, 11.0 of them the application"
    )
    last = parts_of(record(*GIVEN_UP, (60_000, "call_wrap_up")))[-1]
    assert last is not None
    assert sentence("VX1", last) == (
        "turn 2 of VX1: the caller waited 45.0 s, until the session's end"
    )


def test_the_longest_wait_is_that_of_the_turn_with_the_most() -> None:
    found = longest(record(*GIVEN_UP, (60_000, "call_wrap_up")))
    assert found is not None
    assert (found.n, found.wait, found.ended) == (2, 45_000, False)
    assert longest(record((0, "dtmf"))) is None


def test_a_bar_has_its_parts_in_order_and_a_mark_where_it_is_cut() -> None:
    assert bars(record(*SLOW)) == ["░" * 0 + "█" * 22 + "▒"]
    again = [(20_000 + at, name) for at, name in list(SLOW)[:-2]]
    long = record(*SLOW, *again, (200_000, AGENT))
    assert bars(long)[-1].endswith("»")
    assert all(len(bar) <= 31 for one in records() for bar in bars(one))


def test_without_a_timeline_a_bar_does_not_tell_parts_apart() -> None:
    bare = replace(record(*SLOW), timeline=None)
    assert set(bars(bare)[0]) == {"▓"}
