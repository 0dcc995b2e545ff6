"""The outbox: complete requests within CloudWatch's limits, and the way out for a bad one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.events.decode import Place
from worker.events.event import SessionKey
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.outbox.entries import (
    MAX_BYTES,
    MAX_DATUMS,
    OLDEST,
    DeliveryOutcome,
    Draft,
    Entry,
    decode_groups,
    drafts,
    encode_groups,
    halved,
    without_too_old,
)
from worker.partition.commit_outputs import Outputs, RecordLine, Window
from worker.partition.dead_letters import occurrence_letter
from worker.testing.strict_cloudwatch import MAX_BYTES as SERVICE_BYTES
from worker.testing.strict_cloudwatch import StrictCloudWatch

NOON = 1_790_942_400_000
MINUTE = 60_000
SESSION = SessionKey("twilio", "AC1", "CA1", "VX1")

names = st.sampled_from(sorted(CATALOGUE))
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
series = st.builds(
    lambda name, values: Series(name, tuple(sorted(values.items()))),
    names,
    st.dictionaries(st.sampled_from(["Language", "Voice", 'a"b']), printable, max_size=3),
)
few = st.dictionaries(st.integers(0, 600_000), st.integers(1, 9), min_size=1, max_size=8)
many = st.builds(
    lambda first, step, count: {first + step * n: 1 + n % 3 for n in range(count)},
    st.integers(-9, 5_000),
    st.integers(1, 300),
    st.sampled_from([149, 150, 151, 299, 300, 301, 700]),
)
minutes = st.integers(-3, 3).map(lambda n: NOON + n * MINUTE)
windows = st.dictionaries(
    st.tuples(series, minutes), st.one_of(few, few, few, many), min_size=1, max_size=12
)


def metrics(window: Window) -> list[Draft]:
    return [one for one in drafts(Outputs(window=window), NOON) if one.kind == "metrics"]


def entry(draft: Draft) -> Entry:
    return Entry(1, draft.kind, draft.body, draft.made, 0, draft.ambiguous)


def series_minutes(body: bytes) -> set[tuple[Any, ...]]:
    return {
        (
            datum["MetricName"],
            tuple((one["Name"], one["Value"]) for one in datum["Dimensions"]),
            datum["Timestamp"],
        )
        for group in decode_groups(body)
        for datum in group
    }


def plain_window(singles: int, doubles: int) -> Window:
    """So many series' minutes that take one datum each, then ones that take two."""
    sizes = [1] * singles + [151] * doubles
    return {
        (Series("Tokens", (("Voice", f"{n:05}"),)), NOON): dict.fromkeys(range(size), 1)
        for n, size in enumerate(sizes)
    }


def numbers(distribution: Mapping[Any, int], scale: int) -> Distribution:
    return {round(value * scale): count for value, count in distribution.items()}


def count_and_sum(distribution: Mapping[int, int]) -> tuple[int, int]:
    return sum(distribution.values()), sum(v * n for v, n in distribution.items())


@settings(max_examples=20)
@given(windows)
def test_cloudwatch_takes_every_request_and_has_each_minutes_count_sum_and_extremes(
    window: Window,
) -> None:
    api = StrictCloudWatch(lambda: NOON)
    sink = CloudWatchSink(api, "VoiceInsights")
    for draft in metrics(window):
        assert sink.send(draft.body) == (DeliveryOutcome.APPLIED, "")
    assert set(api.kept) == {(*key, minute) for key, minute in window}
    for (key, minute), distribution in window.items():
        kept = numbers(api.kept[*key, minute], CATALOGUE[key.metric].scale)
        assert count_and_sum(kept) == count_and_sum(distribution)
        assert (min(kept), max(kept)) == (min(distribution), max(distribution))
        if len(distribution) <= 300:
            assert kept == distribution


@settings(max_examples=20)
@given(windows)
def test_a_series_minute_is_one_group_of_one_entry(window: Window) -> None:
    requests = [decode_groups(draft.body) for draft in metrics(window)]
    found = [series_minutes(encode_groups([group])) for request in requests for group in request]
    assert all(len(one) == 1 for one in found)
    assert sum(len(one) for one in found) == len(set().union(*found)) == len(window)


@pytest.mark.parametrize(
    ("singles", "doubles", "datums"),
    [
        (1, 0, [1]),
        (999, 0, [999]),
        (1000, 0, [1000]),
        (1001, 0, [1000, 1]),
        (998, 1, [1000]),
        (999, 1, [999, 2]),
        (2000, 0, [1000, 1000]),
        (0, 501, None),
    ],
)
def test_a_request_is_filled_up_to_the_limits_but_never_beyond(
    singles: int, doubles: int, datums: list[int] | None
) -> None:
    requests = [decode_groups(one.body) for one in metrics(plain_window(singles, doubles))]
    sizes = [sum(len(group) for group in request) for request in requests]
    assert sum(sizes) == singles + 2 * doubles
    assert all(size <= MAX_DATUMS for size in sizes)
    if datums is not None:
        assert sizes == datums


@settings(max_examples=15)
@given(st.integers(1, 15), st.integers(0, 255), st.sampled_from([1, 40, 150, 300]))
def test_a_request_is_closed_only_when_the_next_series_minute_would_not_fit(
    count: int, length: int, values: int
) -> None:
    window: Window = {
        (Series("CallerWait", (("Voice", f"{n:03}" + "v" * length),)), NOON): {
            10_000_000 + v: 1 for v in range(values)
        }
        for n in range(count * 50)
    }
    bodies = [one.body for one in metrics(window)]
    assert all(len(body) <= MAX_BYTES + MAX_DATUMS + 2 for body in bodies)
    for body, following in pairwise(bodies):
        first = encode_groups(decode_groups(following)[:1])
        datums = sum(len(group) for group in decode_groups(body))
        assert len(body) + len(first) > MAX_BYTES or datums + 2 > MAX_DATUMS


def test_the_limit_leaves_room_for_how_botocore_writes_json() -> None:
    assert MAX_BYTES * 3 // 2 + 1000 < SERVICE_BYTES


def test_the_order_of_samples_changes_no_byte_of_a_request() -> None:
    window = plain_window(20, 3)
    backwards = {key: dict(reversed(window[key].items())) for key in reversed(window)}
    assert metrics(window) == metrics(backwards)


def test_nothing_to_send_makes_no_entry() -> None:
    assert drafts(Outputs(), NOON) == []


def test_records_and_dead_letters_leave_as_whole_lines_in_order_in_blocks_of_a_megabyte() -> None:
    lines = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 90_000) for n in range(30)]
    letters = [
        occurrence_letter("no JSON", Place("s-1", str(n), n, NOON), b"\xff") for n in range(3)
    ]
    made = drafts(
        Outputs(records=[RecordLine(SESSION, 1, line) for line in lines], dead_letters=letters),
        NOON,
    )
    records = [one.body for one in made if one.kind == "records"]
    assert len(records) > 1
    assert all(len(body) < 1_100_000 for body in records)
    assert all(body.endswith(b"\n") for body in records)
    assert b"".join(records).splitlines() == lines
    (dead,) = [one.body for one in made if one.kind == "dead_letters"]
    assert [msgspec.json.decode(line)["sub_sequence"] for line in dead.splitlines()] == [0, 1, 2]


# --- halving


def isolate(
    first: Draft, is_bad: Iterable[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[Any], int]:
    """What is sent, and the dead letters, when CloudWatch refuses each entry with a bad one."""
    bad = set(is_bad)
    sent: list[tuple[Any, ...]] = []
    dead: list[Any] = []
    attempts = 0
    waiting = deque([first])
    while waiting:
        draft = waiting.popleft()
        if draft.kind == "dead_letters":
            dead.append(msgspec.json.decode(draft.body))
            continue
        attempts += 1
        found = series_minutes(draft.body)
        if found & bad:
            waiting.extend(halved(entry(draft)).drafts)
        else:
            sent.extend(found)
    return sent, dead, attempts


@given(st.integers(1, 70), st.data())
def test_halving_buries_exactly_the_bad_series_minutes_and_sends_each_other_once(
    count: int, data: st.DataObject
) -> None:
    (draft,) = metrics(plain_window(count, 3))
    every = sorted(series_minutes(draft.body))
    bad = data.draw(st.sets(st.sampled_from(every), min_size=1, max_size=5))
    sent, dead, attempts = isolate(draft, bad)
    assert Counter(sent) == Counter(set(every) - bad)
    buried = [
        one for letter in dead for one in series_minutes(msgspec.json.encode([letter["datums"]]))
    ]
    assert Counter(buried) == Counter(bad)
    assert all(letter["reason"] == "CloudWatch calls it invalid" for letter in dead)
    assert attempts <= 1 + 2 * len(bad) * len(every).bit_length()


def test_halving_never_parts_the_two_datums_of_a_series_minute() -> None:
    (draft,) = metrics(plain_window(0, 1))
    (group,) = decode_groups(draft.body)
    assert len(group) == 2
    (letter,) = halved(entry(draft)).drafts
    assert letter.kind == "dead_letters"
    assert letter.body.count(b"\n") == 1
    assert letter.body.endswith(b"\n")
    assert msgspec.json.decode(letter.body)["datums"] == group


def test_the_halves_of_an_entry_are_its_series_minutes_in_order() -> None:
    (draft,) = metrics(plain_window(4, 1))
    parts = halved(entry(draft)).drafts
    assert [len(decode_groups(part.body)) for part in parts] == [2, 3]
    joined = list(_groups(parts))
    assert joined == decode_groups(draft.body)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 3))
def test_what_takes_an_entrys_place_inherits_when_it_was_made_and_what_nobody_knows(
    young: int, old: int, ambiguous: int
) -> None:
    window = plain_window(young, 0)
    window |= {
        (Series("Words", (("N", str(n)),)), NOON - OLDEST - MINUTE): {1: 1} for n in range(old)
    }
    made = [
        one for draft in metrics(window) for one in [entry(draft)._replace(ambiguous=ambiguous)]
    ]
    parts = [part for one in made for part in halved(one).drafts]
    parts += [part for one in made if (rest := without_too_old(one, NOON)) for part in rest.drafts]
    assert {part.made for part in parts} == {NOON}
    assert {part.ambiguous for part in parts if part.kind == "metrics"} <= {ambiguous}


def test_only_what_cloudwatch_would_call_too_old_is_buried_and_the_rest_goes_on() -> None:
    window = {
        (Series("Tokens", ()), NOON - days * 86_400_000): {days: 1} for days in (0, 1, 13, 14, 15)
    }
    (draft,) = metrics(window)
    replacement = without_too_old(entry(draft), NOON)
    assert replacement is not None
    rest, letter = replacement.drafts
    assert [group[0]["Values"] for group in decode_groups(rest.body)] == [[13], [1], [0]]
    assert [datum["Values"] for datum in msgspec.json.decode(letter.body)["datums"]] == [[15], [14]]
    assert without_too_old(entry(rest), NOON) is None
    with_all_old = without_too_old(entry(draft), NOON + 14 * 86_400_000)
    assert with_all_old is not None
    assert [one.kind for one in with_all_old.drafts] == ["dead_letters"]


def _groups(parts: Iterable[Draft]) -> Iterator[Any]:
    for part in parts:
        yield from decode_groups(part.body)
