"""CloudWatch's requests: complete, within its limits, and the way out for a bad one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.destinations.cloudwatch.requests import (
    DATUMS,
    OLDEST,
    PUT_METRIC_DATA_BYTES,
    PUT_METRIC_DATA_DATUMS,
    all_too_old,
    decode_groups,
    encode_groups,
)
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome
from worker.outbox.ledger import Note, tally_of
from worker.partition.commit_outputs import Outputs, Window
from worker.partition.dead_letters import SamplesLetter
from worker.testing.strict_cloudwatch import SERVICE_MAX_BYTES as SERVICE_BYTES
from worker.testing.strict_cloudwatch import StrictCloudWatch

NOON = 1_790_942_400_000
MINUTE = 60_000

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


def requests(window: Window) -> list[bytes]:
    return list(DATUMS.requests(Outputs(window=window)))


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
    for body in requests(window):
        assert sink.send(body) == (DeliveryOutcome.APPLIED, "")
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
    groups = [group for body in requests(window) for group in decode_groups(body)]
    found = [series_minutes(encode_groups([group])) for group in groups]
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
    bodies = requests(plain_window(singles, doubles))
    sizes = [sum(len(group) for group in decode_groups(body)) for body in bodies]
    assert sum(sizes) == singles + 2 * doubles
    assert all(size <= PUT_METRIC_DATA_DATUMS for size in sizes)
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
    bodies = requests(window)
    assert all(len(body) <= PUT_METRIC_DATA_BYTES + PUT_METRIC_DATA_DATUMS + 2 for body in bodies)
    for body, following in pairwise(bodies):
        first = encode_groups(decode_groups(following)[:1])
        datums = sum(len(group) for group in decode_groups(body))
        assert len(body) + len(first) > PUT_METRIC_DATA_BYTES or datums + 2 > PUT_METRIC_DATA_DATUMS


def test_the_limit_leaves_room_for_how_botocore_writes_json() -> None:
    assert PUT_METRIC_DATA_BYTES * 3 // 2 + 1000 < SERVICE_BYTES


def test_the_order_of_samples_changes_no_byte_of_a_request() -> None:
    window = plain_window(20, 3)
    backwards = {key: dict(reversed(window[key].items())) for key in reversed(window)}
    assert requests(window) == requests(backwards)


def test_nothing_to_send_is_no_request() -> None:
    assert requests({}) == []


@settings(max_examples=20)
@given(windows)
def test_the_counts_of_the_requests_are_those_of_the_window(window: Window) -> None:
    counted: Counter[Any] = Counter()
    for body in requests(window):
        for series_, minute, count in DATUMS.counts(body):
            counted[series_, minute] += count
    assert counted == {key: sum(distribution.values()) for key, distribution in window.items()}


# --- splitting


def isolate(
    first: bytes, is_bad: Iterable[tuple[Any, ...]]
) -> tuple[list[tuple[Any, ...]], list[SamplesLetter], int]:
    """What is sent, and the dead letters, when CloudWatch refuses each request with a bad one."""
    bad = set(is_bad)
    sent: list[tuple[Any, ...]] = []
    dead: list[SamplesLetter] = []
    attempts = 0
    waiting = deque([first])
    while waiting:
        body = waiting.popleft()
        attempts += 1
        found = series_minutes(body)
        if found & bad:
            replacement = DATUMS.split(body)
            waiting.extend(replacement.bodies)
            if replacement.letter is not None:
                assert isinstance(replacement.letter, SamplesLetter)
                dead.append(replacement.letter)
        else:
            sent.extend(found)
    return sent, dead, attempts


@given(st.integers(1, 70), st.data())
def test_splitting_buries_exactly_the_bad_series_minutes_and_sends_each_other_once(
    count: int, data: st.DataObject
) -> None:
    (body,) = requests(plain_window(count, 3))
    every = sorted(series_minutes(body))
    bad = data.draw(st.sets(st.sampled_from(every), min_size=1, max_size=5))
    sent, dead, attempts = isolate(body, bad)
    assert Counter(sent) == Counter(set(every) - bad)
    buried = [one for letter in dead for one in series_minutes(encode_groups([letter.datums]))]
    assert Counter(buried) == Counter(bad)
    assert all(letter.reason == "CloudWatch calls it invalid" for letter in dead)
    assert attempts <= 1 + 2 * len(bad) * len(every).bit_length()


def test_splitting_never_parts_the_two_datums_of_a_series_minute() -> None:
    (body,) = requests(plain_window(0, 1))
    (group,) = decode_groups(body)
    assert len(group) == 2
    bodies, letter, dropped = DATUMS.split(body)
    assert bodies == ()
    assert isinstance(letter, SamplesLetter)
    assert letter.datums == group
    assert dropped == DATUMS.counts(body)


def test_the_parts_of_a_request_are_its_series_minutes_in_order() -> None:
    (body,) = requests(plain_window(4, 1))
    bodies, letter, dropped = DATUMS.split(body)
    assert (letter, dropped) == (None, ())
    assert [len(decode_groups(part)) for part in bodies] == [2, 3]
    assert [group for part in bodies for group in decode_groups(part)] == decode_groups(body)


@given(windows)
def test_what_is_split_off_and_what_goes_on_are_all_there_is(window: Window) -> None:
    for body in requests(window):
        for replacement in (DATUMS.split(body), DATUMS.too_old(body)):
            goes_on = [count for part in replacement.bodies for count in DATUMS.counts(part)]
            assert Counter([*goes_on, *replacement.dropped]) == Counter(DATUMS.counts(body))
            assert (replacement.letter is None) == (not replacement.dropped)


def test_a_request_that_cloudwatch_calls_too_old_is_buried_whole() -> None:
    window = {(Series("Tokens", ()), NOON - days * 86_400_000): {days: 1} for days in (14, 15)}
    (body,) = requests(window)
    bodies, letter, dropped = DATUMS.too_old(body)
    assert bodies == ()
    assert dropped == DATUMS.counts(body)
    assert isinstance(letter, SamplesLetter)
    assert (letter.reason, letter.minute) == ("too old for CloudWatch", "2026-09-17T12:00:00.000Z")
    assert [datum["Values"] for datum in letter.datums] == [[15], [14]]


@given(windows, st.integers(-40, 40))
def test_a_request_is_too_old_when_its_youngest_minute_is(window: Window, minute: int) -> None:
    now = NOON + OLDEST + minute * MINUTE
    for body in requests(window):
        groups = decode_groups(body)
        youngest = max(group[0]["Timestamp"] for group in groups) * 1000
        assert all_too_old(groups, now) == (youngest < now - OLDEST)


def test_a_minute_in_two_datums_is_counted_as_one_sum() -> None:
    (body,) = requests({(Series("Tokens", ()), NOON): dict.fromkeys(range(200), 3)})
    assert sum(len(group) for group in decode_groups(body)) == 2
    note = Note(1, "metrics", 1, 2, DATUMS.counts(body))
    assert tally_of([note]) == {(Series("Tokens", ()), NOON): (600, 1200)}
