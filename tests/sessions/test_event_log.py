"""A log is the events appended to it, no more, no less; order is by time, number and name."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.building import event, packed_as_text
from tests.scenes import BASE
from worker.events.event import EVENT_CODES, Event
from worker.events.payload import (
    INTERRUPTION_KINDS,
    Configured,
    Failed,
    Interrupted,
    LanguageChanged,
    LanguageSettings,
    Latency,
    Payload,
    Tokens,
    WrapUp,
)
from worker.sessions.event_log import (
    LoggedEvent,
    LogRange,
    identity,
    in_order,
    logged_event,
    name_of,
    pack_event,
    unpack_log,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
texts = st.none() | st.text(max_size=5)
numbers = st.none() | INT64
tables = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
settings = st.builds(LanguageSettings, texts, texts, texts, texts)
payloads: st.SearchStrategy[Payload | None] = st.one_of(
    st.none(),
    st.builds(Latency, numbers, texts),
    st.builds(Tokens, numbers, numbers, texts),
    st.builds(Interrupted, st.sampled_from(INTERRUPTION_KINDS), texts),
    st.builds(
        Configured,
        st.text(max_size=3),
        st.text(max_size=3),
        settings,
        st.dictionaries(st.text(max_size=3), settings, max_size=2),
        st.integers(0, 99),
        tables,
        texts,
    ),
    st.builds(LanguageChanged, texts, texts, settings, texts),
    st.builds(Failed, numbers | st.text(max_size=5), texts, texts),
    st.builds(WrapUp, numbers, texts, st.sampled_from(["ended", "other"]), texts),
)
names = st.sampled_from([*EVENT_CODES, "", "brand_new", "17"])
events = st.builds(
    event,
    st.integers(-(10**13), 10**12),
    names,
    payloads,
    INT64,
    st.integers(-3_600_000, 10**12),
)


def fields(some: Iterable[LoggedEvent]) -> list[tuple[object, ...]]:
    return [msgspec.structs.astuple(row) for row in some]


@given(
    st.lists(st.tuples(events, st.integers(-(10**13), 10**12) | st.none()), max_size=25),
    st.integers(0, 25),
)
def test_a_stretch_grows_over_rows_before_an_instant_that_need_not_stay(
    steps: list[tuple[Event, int | None]], old: int
) -> None:
    """It may grow no further where rows were packed under their texts, but is never wrong."""
    log, rows, stretch, latest = bytearray(), list[LoggedEvent](), LogRange(), -(1 << 62)
    stay: set[int | str] = {EVENT_CODES["configurations"], "17"}
    for number, (one, until) in enumerate(steps):
        log += packed_as_text(one) if number < old else pack_event(one, BASE)
        rows.append(logged_event(one, BASE))
        if until is None:
            continue
        latest = max(latest, until)
        stretch = stretch.extended(log, stretch.left_out(log, len(rows)), latest, stay)
        inside = rows[stretch.first : stretch.last]
        assert all(row.timestamp < latest and row.name not in stay for row in inside)
        others = rows[: stretch.first] + rows[stretch.last :]
        assert fields(stretch.left_out(log, len(rows))) == fields(others)
        ahead = rows[stretch.last :]
        assert old or not ahead or ahead[0].timestamp >= latest


@given(st.lists(events, max_size=12))
def test_what_is_appended_is_unpacked_in_the_order_of_arrival(some: list[Event]) -> None:
    log = bytearray()
    for one in some:
        log += pack_event(one, BASE)
    assert fields(unpack_log(log, len(some))) == fields(logged_event(one, BASE) for one in some)
    assert unpack_log(bytes(log), len(some)) == unpack_log(log, len(some))


@given(events)
def test_a_row_says_all_that_its_event_says(one: Event) -> None:
    row = logged_event(one, BASE)
    assert row.timestamp + BASE == one.timestamp
    assert row.timestamp + BASE + row.delay == one.arrival
    assert name_of(row.name) == one.name
    assert (row.sequence_number, row.payload) == (one.sequence_number, one.payload)


def test_a_common_event_takes_a_few_bytes() -> None:
    log = bytearray()
    log += pack_event(event(60_000, "prompt_sent", None, 7), BASE)
    assert len(log) <= 12


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_log_of_another_length_is_refused(count: int) -> None:
    log = bytearray()
    log += pack_event(event(0, "dtmf"), BASE)
    log += pack_event(event(5, "dtmf"), BASE)
    with pytest.raises(msgspec.DecodeError):
        unpack_log(log, count)


def test_bytes_that_are_no_log_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack_log(b"\xc1\xc1", 1)


@given(st.lists(st.tuples(events, st.booleans()), max_size=12))
def test_what_was_packed_under_its_text_is_unpacked_as_what_it_is_by_now(
    some: list[tuple[Event, bool]],
) -> None:
    log = b"".join(packed_as_text(one) if old else pack_event(one, BASE) for one, old in some)
    assert fields(unpack_log(log, len(some))) == fields(logged_event(one, BASE) for one, _ in some)


def rows(*written: tuple[int, int, str] | tuple[int, int, str, Any]) -> list[LoggedEvent]:
    return [
        logged_event(event(at, name, payload[0] if payload else None, number), BASE)
        for at, number, name, *payload in written
    ]


def test_order_is_by_time_then_number_then_name() -> None:
    ordered = rows((5, 9, "dtmf"), (7, 1, "zoo"), (7, 2, "aaa"), (7, 2, "dtmf"), (7, 2, "ze"))
    shuffled = [ordered[n] for n in (3, 0, 4, 2, 1)]
    assert in_order(shuffled).rows == ordered


@given(st.lists(names, min_size=2, unique=True))
def test_of_events_that_share_time_and_number_the_name_decides_and_no_code(
    some: list[str],
) -> None:
    found = in_order(rows(*((0, 1, name) for name in some)))
    assert [name_of(row.name) for row in found.rows] == sorted(some)


def test_every_neighbour_with_a_smaller_number_is_an_order_conflict() -> None:
    assert in_order(rows((1, 1, "a"), (2, 2, "a"), (3, 3, "a"))).order_conflicts == 0
    assert in_order(rows((1, 5, "a"), (2, 2, "a"), (3, 4, "a"), (4, 1, "a"))).order_conflicts == 2
    assert in_order(rows((1, 5, "a"), (2, 5, "a"), (2, 5, "b"))).order_conflicts == 0


@given(
    st.lists(
        st.sampled_from(
            rows(
                *(
                    (at, number, name, payload)
                    for at in (0, 1)
                    for number in (1, 2)
                    for name in ("dtmf", "odd")
                    for payload in (None, {"a": 1}, {"a": "1"}, {"b": 0})
                )
            )
        ),
        min_size=1,
        unique_by=repr,
    ),
    st.integers(),
)
def test_settling_is_a_function_of_the_set(some: list[LoggedEvent], seed: int) -> None:
    found = in_order(some)
    shuffled = Random(seed).sample(some, len(some))
    assert in_order(shuffled) == found
    identities = {identity(row) for row in some}
    assert len(found.rows) == len(identities)
    assert found.conflicts == len(some) - len(identities)


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        (None, {"a": 1}, {"a": 1}),  # "{" > "n"
        ({"a": 10}, {"a": 9}, {"a": 9}),  # as text, not as numbers
        ({"a": 1}, {"a": "1"}, {"a": 1}),  # "1" > the quotation mark
        ({"a": 1}, {"b": 0}, {"b": 0}),
        ({"a": "é"}, {"a": "z"}, {"a": "é"}),
        ({"a": True}, {"a": 1}, {"a": True}),
    ],
)
def test_of_conflicting_payloads_the_greater_canonical_json_wins(
    one: Any, other: Any, winner: Any
) -> None:
    for first, second in ((one, other), (other, one)):
        found = in_order(rows((0, 1, "dtmf", first), (0, 1, "dtmf", second)))
        assert [row.payload for row in found.rows] == [event(0, "dtmf", winner).payload]
        assert found.conflicts == 1
