"""A lane: nothing is lost, nothing counts twice but by what is counted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outbox.outboxes import (
    EMPTY,
    MINUTE,
    NOON,
    Failing,
    Log,
    away,
    emptied,
    lane_of,
    metrics,
    store_at,
    store_with,
    tokens,
)
from worker.destinations.cloudwatch.requests import decode_groups, series_minute_of
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.destinations.files import LineSink
from worker.metrics.series import Series
from worker.outbox.destination import OnAmbiguous
from worker.outbox.entries import DeliveryOutcome, NewEntry
from worker.outbox.ledger import tally_of
from worker.partition.commit_outputs import Window
from worker.partition.dead_letters import SamplesLetter, decode_letter
from worker.testing.strict_cloudwatch import CloudWatchFault, Key, StrictCloudWatch, random_faults

DAY = 86_400_000
Kept = dict[Key, dict[float, int]]


def samples(body: bytes) -> Kept:
    found: Kept = {}
    for group in decode_groups(body):
        for datum in group:
            series, minute = series_minute_of(datum)
            kept = found.setdefault((*series, minute), {})
            kept.update(zip(datum["Values"], datum["Counts"], strict=True))
    return found


windows = st.dictionaries(
    st.tuples(
        st.builds(lambda voice: Series("Tokens", (("Voice", voice),)), st.sampled_from("abc")),
        st.sampled_from([NOON, NOON + MINUTE]),
    ),
    st.dictionaries(st.integers(0, 200), st.integers(1, 5), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@settings(max_examples=12)
@given(st.lists(windows, min_size=1, max_size=6), st.integers(0, 10**6), st.floats(0, 0.8))
def test_each_minute_is_exact_or_above_by_no_more_than_its_unknown_attempts(
    made: list[Window], seed: int, rate: float
) -> None:
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    with store_with(*(one for window in made for one in metrics(window))) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"), log)
        emptied(lane)
        assert store.backlog() == EMPTY
    exact: dict[Key, Counter[float]] = {}
    above: dict[Key, Counter[float]] = {}
    ambiguous = Counter(
        entry.id for entry, out, _ in log.attempts if out is DeliveryOutcome.AMBIGUOUS
    )
    bodies = {entry.id: entry.body for entry, _, _ in log.attempts}
    for id_, body in bodies.items():
        for key, values in samples(body).items():
            for value, count in values.items():
                exact.setdefault(key, Counter())[value] += count
                above.setdefault(key, Counter())[value] += count * ambiguous[id_]
    assert set(api.kept) == set(exact)
    for key, kept in api.kept.items():
        assert exact[key] <= Counter(kept) <= exact[key] + above[key]


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0, 0.8))
def test_an_entry_counts_twice_as_a_whole_or_not_at_all(seed: int, rate: float) -> None:
    window: Window = {(Series("Tokens", ()), NOON): {n: 1 + n % 3 for n in range(200)}}
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    with store_with(*metrics(window)) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"))
        emptied(lane)
    ((_, kept),) = api.kept.items()
    applied = 1 + sum(
        fault in (CloudWatchFault.SERVER_ERROR_AFTER, CloudWatchFault.READ_TIMEOUT_AFTER)
        for fault in api.calls
    )
    assert kept == {n: applied * (1 + n % 3) for n in range(200)}


def test_a_round_makes_no_attempt_more_than_it_is_allowed() -> None:
    api = StrictCloudWatch(lambda: NOON)
    allowed = iter([4, 4, 4, 1, 1])
    with store_with(*(one for n in range(6) for one in metrics(tokens(a=n)))) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"))
        assert lane.send_some(lambda: next(allowed))
        assert store.backlog()[::2] == (4, 0)
        assert not lane.send_some(lambda: 0)
        emptied(lane)
        assert store.backlog() == EMPTY
    assert list(api.kept.values()) == [dict.fromkeys(range(6), 2)]


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0, 0.8))
def test_the_store_counts_attempts_and_those_that_nobody_knows_about(
    seed: int, rate: float
) -> None:
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    attempts: Counter[int] = Counter()
    ambiguous: Counter[int] = Counter()
    with store_with(*metrics(tokens(a=1)), *metrics(tokens(b=2))) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"), log)
        while lane.send_some():
            left = {entry.id for entry, _, _ in log.attempts} - {
                entry.id for entry, out, _ in log.attempts if out is DeliveryOutcome.APPLIED
            }
            unknown = Counter(
                entry.id for entry, out, _ in log.attempts if out is DeliveryOutcome.AMBIGUOUS
            )
            assert store.backlog()[::2] == (len(left), sum(unknown[id_] for id_ in left))
    for entry, outcome, _ in log.attempts:
        assert (entry.attempts, entry.ambiguous) == (attempts[entry.id], ambiguous[entry.id])
        attempts[entry.id] += 1
        ambiguous[entry.id] += outcome is DeliveryOutcome.AMBIGUOUS


def test_what_was_not_applied_is_tried_until_it_is_and_leaves_no_doubt() -> None:
    faults = [CloudWatchFault.THROTTLED, CloudWatchFault.CONNECT_TIMEOUT] * 20
    api = StrictCloudWatch(lambda: NOON, faults)
    log = Log()
    with store_with(*metrics(tokens(a=7))) as store:
        lane = lane_of(store, CloudWatchSink(api, "Ns"), log)
        emptied(lane)
    assert log.outcomes() == [DeliveryOutcome.NOT_APPLIED] * 40 + [DeliveryOutcome.APPLIED]
    assert [entry.ambiguous for entry, _, _ in log.attempts] == [0] * 41
    assert list(api.kept.values()) == [{7: 2}]


def test_a_minute_that_cloudwatch_refuses_is_buried_and_every_other_one_arrives(
    tmp_path: Path,
) -> None:
    window = tokens(a=1, b=2, c=3, d=4, e=5)
    window[Series("Tokens", (("Voice", "é"),)), NOON] = {9: 1}
    api = StrictCloudWatch(lambda: NOON)
    dead = LineSink(str(tmp_path / "dead.jsonl"))
    with store_with(*metrics(window)) as store:
        emptied(
            lane_of(store, CloudWatchSink(api, "Ns")), lane_of(store, dead, kind="dead_letters")
        )
    dead.close()
    (line,) = (tmp_path / "dead.jsonl").read_bytes().splitlines()
    assert [datum["Values"] for datum in json.loads(line)["datums"]] == [[9]]
    assert sorted(api.kept.values(), key=repr) == [{n: 2} for n in range(1, 6)]


def test_a_crash_between_sending_and_settling_counts_as_unknown(tmp_path: Path) -> None:
    api = StrictCloudWatch(lambda: NOON)
    sink = CloudWatchSink(api, "Ns")
    log = Log()
    with store_at(tmp_path / "state.sqlite", *metrics(tokens(a=7))) as store:
        (entry,) = store.claim("metrics", 1)
        assert sink.send(entry.body) == (DeliveryOutcome.APPLIED, "")
    with store_at(tmp_path / "state.sqlite") as store:
        lane = lane_of(store, sink, log)
        emptied(lane)
    ((again, outcome, _),) = log.attempts
    assert (again.attempts, again.ambiguous, outcome) == (1, 1, DeliveryOutcome.APPLIED)
    assert list(api.kept.values()) == [{7: 2 * (1 + again.ambiguous)}]


def test_pauses_grow_with_full_jitter_while_nothing_goes_through_and_end_with_a_success() -> None:
    draws = iter([0.0, 1.0, 0.5])
    results = iter([away()] * 12 + [(DeliveryOutcome.APPLIED, "")])
    with store_with(*metrics(tokens(a=1))) as store:
        sink = Failing(lambda: next(results))
        lane = lane_of(store, sink, random=lambda: next(draws, 1.0))
        assert lane.pause_s() == 0
        lane.send_some()
        assert [lane.pause_s() for _ in range(3)] == [0.0, 0.4, 0.2]
        longest = []
        for _ in range(11):
            lane.send_some()
            longest.append(lane.pause_s())
        assert longest[:3] == [0.8, 1.6, 3.2]
        assert longest == sorted(longest)
        assert longest[-1] == 30.0
        lane.send_some()
        assert lane.pause_s() == 0


@given(st.integers(0, 12), st.integers(0, 12))
def test_minutes_that_cloudwatch_refuses_for_their_age_are_buried_and_the_others_arrive(
    old: int, young: int
) -> None:
    window: Window = {
        (Series("Tokens", (("Voice", f"{n}"),)), NOON - 15 * DAY): {n: 1} for n in range(old)
    }
    window |= tokens(**{f"v{n}": n for n in range(young)})
    api = StrictCloudWatch(lambda: NOON)
    log = Log()
    with store_with(*metrics(window)) as store:
        emptied(lane_of(store, CloudWatchSink(api, "Ns"), log))
        letters = [
            letter
            for entry in store.claim("dead_letters", 99)
            if isinstance(letter := decode_letter(entry.body), SamplesLetter)
        ]
    assert {letter.reason for letter in letters} == ({"too old for CloudWatch"} if old else set())
    buried = [datum["Values"] for letter in letters for datum in letter.datums]
    assert sorted(buried) == [[n] for n in range(old)]
    assert len(api.kept) == young
    assert DeliveryOutcome.APPLIED in log.outcomes() or not young


@given(st.integers(-40, 40).map(lambda days: days * DAY))
def test_nothing_is_given_up_for_its_age_before_its_destination_has_refused_it(ahead: int) -> None:
    api = StrictCloudWatch(lambda: NOON + ahead)
    log = Log()
    with store_with(*metrics(tokens(a=1))) as store:
        lane_of(store, CloudWatchSink(api, "Ns"), log).send_some()
    assert len(api.calls) == 1
    takes = -7_200_000 <= ahead <= 14 * DAY
    assert (log.outcomes() == [DeliveryOutcome.APPLIED]) == takes


# --- what nobody knows about


@settings(max_examples=15)
@given(
    st.integers(0, 10**6),
    st.floats(0, 0.8),
    st.sampled_from(["resend", "drop"]),
    st.booleans(),
)
def test_the_notes_say_how_much_cloudwatch_has_at_least_and_at_most(
    seed: int, rate: float, on_ambiguous: OnAmbiguous, bad: bool
) -> None:
    window = tokens(a=1, b=2, c=3)
    if bad:
        window[Series("Tokens", (("Voice", "é"),)), NOON] = {9: 1}
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    with store_with(*metrics(window), *metrics(tokens(a=4, d=5))) as store:
        emptied(lane_of(store, CloudWatchSink(api, "Ns"), log, on_ambiguous=on_ambiguous))
    tally = tally_of(log.notes)
    kept = {
        (Series(metric, dimensions), minute): sum(values.values())
        for (metric, dimensions, minute), values in api.kept.items()
    }
    assert kept.keys() <= tally.keys()
    for minute, (least, most) in tally.items():
        assert least <= kept.get(minute, 0) <= most
    if on_ambiguous == "drop":
        sent = Counter(dict.fromkeys(kept, 0))
        for key in (*window, *tokens(a=4, d=5)):
            sent[key] += 2
        assert all(count <= sent[minute] for minute, count in kept.items())


def test_to_drop_is_to_give_up_after_the_first_attempt_that_nobody_knows_about() -> None:
    api = StrictCloudWatch(
        lambda: NOON, [CloudWatchFault.THROTTLED, CloudWatchFault.READ_TIMEOUT_AFTER]
    )
    log = Log()
    with store_with(*metrics(tokens(a=7))) as store:
        emptied(lane_of(store, CloudWatchSink(api, "Ns"), log, on_ambiguous="drop"))
        assert store.backlog() == EMPTY
    assert log.outcomes() == [
        DeliveryOutcome.NOT_APPLIED,
        DeliveryOutcome.AMBIGUOUS,
        DeliveryOutcome.DROPPED,
    ]
    assert [(note.min_count, note.max_count) for note in log.notes] == [(0, 1)]
    assert list(api.kept.values()) == [{7: 2}]


def test_to_drop_is_to_send_nothing_again_that_was_being_sent_in_a_crash(tmp_path: Path) -> None:
    api = StrictCloudWatch(lambda: NOON)
    sink = CloudWatchSink(api, "Ns")
    with store_at(tmp_path / "state.sqlite", *metrics(tokens(a=7))) as store:
        (entry,) = store.claim("metrics", 1)
        sink.send(entry.body)
    log = Log()
    with store_at(tmp_path / "state.sqlite") as store:
        emptied(lane_of(store, sink, log, on_ambiguous="drop"))
    assert log.outcomes() == [DeliveryOutcome.DROPPED]
    assert list(api.kept.values()) == [{7: 2}]


def test_what_does_no_harm_twice_is_sent_until_it_is_applied_and_leaves_no_note() -> None:
    results = iter([(DeliveryOutcome.AMBIGUOUS, "OSError")] * 3 + [(DeliveryOutcome.APPLIED, "")])
    log = Log()
    with store_with(NewEntry("records", b"{}\n", NOON)) as store:
        lane = lane_of(store, Failing(lambda: next(results)), log, "records")
        emptied(lane)
        assert store.backlog() == EMPTY
    assert log.outcomes() == [DeliveryOutcome.AMBIGUOUS] * 3 + [DeliveryOutcome.APPLIED]
    assert log.notes == []


def test_an_invalid_request_that_can_not_be_split_waits_and_is_tried_again_after_a_pause() -> None:
    results = iter([(DeliveryOutcome.INVALID, "Refused")] * 2 + [(DeliveryOutcome.APPLIED, "")])
    log = Log()
    with store_with(NewEntry("records", b"{}\n", NOON)) as store:
        lane = lane_of(store, Failing(lambda: next(results)), log, "records", random=lambda: 1.0)
        assert lane.send_some()
        assert lane.pause_s() > 0
        assert store.backlog().entries == 1
        emptied(lane)
        assert store.backlog() == EMPTY
    assert log.outcomes() == [DeliveryOutcome.NOT_APPLIED] * 2 + [DeliveryOutcome.APPLIED]


@given(st.integers(1, 5), st.integers(0, 3))
def test_what_takes_an_entrys_place_inherits_when_it_was_made_and_what_nobody_knows(
    series: int, ambiguous: int
) -> None:
    window = tokens(**{f"v{n}": n for n in range(series)})
    made = NOON - 7
    (draft,) = metrics(window)
    refusing = Failing(lambda: (DeliveryOutcome.INVALID, "Refused"))
    with store_with(draft._replace(created_at=made, ambiguous=ambiguous)) as store:
        lane_of(store, refusing).send_some()
        parts, letters = (store.claim(kind, 9) for kind in ("metrics", "dead_letters"))
    for part in parts:
        assert (part.created_at, part.ambiguous, part.attempts) == (made, ambiguous, 0)
    assert [(letter.created_at, letter.ambiguous) for letter in letters] == [(made, 0)] * (
        series == 1
    )
    assert len(parts) == (0 if series == 1 else 2)
