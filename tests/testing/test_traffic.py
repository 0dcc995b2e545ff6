"""The simulator: repeatable, in order, streaming, and as real traffic is."""

from __future__ import annotations

import base64
import json
import statistics
from collections import Counter
from dataclasses import replace
from itertools import groupby, islice, pairwise
from typing import Any

import pytest
from aws_kinesis_agg.deaggregator import iter_deaggregate_records
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing.reading import events, identities, occurrences
from worker.events.occurrence import Damaged, Ignored, SinkTest
from worker.stream.record import Record
from worker.testing.traffic import RETRY_LIMIT_MS, Traffic, shard_of, simulated_records

CLEAN = Traffic(
    sessions=30,
    duplicates=0,
    lost=0,
    malformed=0,
    other_types=0,
    stragglers=0,
    delay_median_s=0,
    test_event=False,
)

noise = st.builds(
    Traffic,
    sessions=st.just(8),
    shards=st.integers(1, 9),
    delay_median_s=st.sampled_from([0, 1, 60, 3600]),
    delay_sigma=st.floats(0, 3),
    stragglers=st.floats(0, 1),
    duplicates=st.floats(0, 1),
    lost=st.just(0.0),
    malformed=st.floats(0, 0.3),
    other_types=st.floats(0, 1),
    aggregates=st.sampled_from([0.0, 0.3, 1.0]),
)


def test_equal_seeds_give_equal_records_and_other_seeds_others() -> None:
    busy = Traffic(sessions=20, aggregates=0.2, malformed=0.05)
    first = list(simulated_records(busy, 7))
    assert list(simulated_records(busy, 7)) == first
    assert identities(simulated_records(busy, 8)).isdisjoint(identities(first))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(noise, st.integers(0, 1000))
def test_delivery_changes_nothing_of_what_was_said(traffic: Traffic, seed: int) -> None:
    clean = list(simulated_records(replace(CLEAN, sessions=traffic.sessions), seed))
    delivered = list(simulated_records(traffic, seed))
    assert identities(delivered) == identities(clean)
    if not traffic.aggregates:
        assert {record.data for record in clean} <= {record.data for record in delivered}


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(noise, st.integers(0, 1000))
def test_records_come_by_arrival_and_sequence_numbers_grow_in_each_shard(
    traffic: Traffic, seed: int
) -> None:
    records = list(simulated_records(traffic, seed))
    assert all(one.arrival <= other.arrival for one, other in pairwise(records))
    for _, shard in groupby(sorted(records, key=lambda r: r.shard), key=lambda r: r.shard):
        assert all(
            (len(one.sequence_number), one.sequence_number)
            < (len(other.sequence_number), other.sequence_number)
            for one, other in pairwise(shard)
        )
    assert all(r.shard == shard_of(r.partition_key, traffic.shards) for r in records)
    assert all(event.arrival >= event.timestamp for event in events(records))


def test_a_billion_sessions_begin_at_once_and_are_never_held_all() -> None:
    endless = Traffic(sessions=10**9, spread_s=10.0**9)
    assert len(list(islice(simulated_records(endless, 1), 2000))) == 2000


def test_without_malformed_records_all_is_readable() -> None:
    kinds = Counter(
        type(occurrence)
        for record in simulated_records(Traffic(sessions=100, malformed=0), 1)
        for occurrence in occurrences(record)
    )
    assert kinds[Damaged] == 0
    assert kinds[SinkTest] >= 1
    assert kinds[Ignored] > 0


@pytest.mark.slow
def test_each_rate_shows() -> None:
    sent = len(list(simulated_records(replace(CLEAN, sessions=100), 1)))

    def ratio(traffic: Traffic) -> float:
        return len(list(simulated_records(replace(traffic, sessions=100), 1))) / sent

    assert 1.08 < ratio(replace(CLEAN, duplicates=0.1)) < 1.14
    assert 0.88 < ratio(replace(CLEAN, lost=0.1)) < 0.92
    assert 1.08 < ratio(replace(CLEAN, malformed=0.1)) < 1.12
    assert 1.08 < ratio(replace(CLEAN, other_types=0.1)) < 1.12
    assert ratio(replace(CLEAN, lost=1)) == 0


def test_delays_are_lognormal_about_their_median_up_to_four_hours() -> None:
    late = events(
        simulated_records(replace(CLEAN, sessions=100, delay_median_s=60, delay_sigma=0.5), 1)
    )
    delays = [event.arrival - event.timestamp for event in late]
    assert 55_000 < statistics.median(delays) < 65_000
    wild = events(
        simulated_records(replace(CLEAN, delay_median_s=3600, delay_sigma=4, duplicates=0.5), 1)
    )
    assert max(event.arrival - event.timestamp for event in wild) == RETRY_LIMIT_MS


def test_without_delay_everything_arrives_as_it_happens() -> None:
    assert all(event.arrival == event.timestamp for event in events(simulated_records(CLEAN, 1)))


def test_a_repeat_is_the_same_bytes_at_another_time() -> None:
    records = list(simulated_records(replace(CLEAN, duplicates=0.3), 1))
    copies = Counter(record.data for record in records)
    assert set(copies) == {record.data for record in simulated_records(CLEAN, 1)}
    assert max(copies.values()) > 1


def as_boto3(record: Record) -> dict[str, object]:
    return {
        "SequenceNumber": record.sequence_number,
        "PartitionKey": record.partition_key,
        "ApproximateArrivalTimestamp": None,
        "Data": record.data,
    }


def test_aggregates_hold_the_same_records_under_their_own_partition_key() -> None:
    bundled = list(simulated_records(replace(CLEAN, aggregates=0.3), 1))
    parts: list[dict[str, Any]] = [
        part["kinesis"]
        for part in iter_deaggregate_records(map(as_boto3, bundled), data_format="Boto3")
    ]
    inner = [part for part in parts if part.get("aggregated")]
    assert 0.2 < len(inner) / len(parts) < 0.4
    keys = {record.partition_key for record in bundled}
    assert all(part["partitionKey"] in keys for part in inner)
    opened = Counter(base64.b64decode(part["data"]) for part in inner)
    opened.update(part["data"] for part in parts if not part.get("aggregated"))
    assert opened == Counter(record.data for record in simulated_records(CLEAN, 1))


def test_an_event_is_as_large_as_real_ones_are() -> None:
    sizes = sorted(
        len(record.data) for record in simulated_records(replace(CLEAN, sessions=100), 1)
    )
    assert 700 < sizes[len(sizes) // 20] < sizes[len(sizes) * 19 // 20] < 1000


def test_envelopes_have_the_oddities_of_real_ones() -> None:
    envelopes = [json.loads(record.data) for record in simulated_records(CLEAN, 1)]
    assert {type(envelope["data"]) for envelope in envelopes} == {dict, str}
    assert {"time" in envelope for envelope in envelopes} == {True, False}
    data = [e["data"] if isinstance(e["data"], dict) else json.loads(e["data"]) for e in envelopes]
    assert {each["edge"] for each in data} == {"carrier_edge", None}
    assert {"name" in each["conversation_relay_data"] for each in data} == {True, False}


def test_a_call_may_hold_several_sessions_one_after_another() -> None:
    sessions: dict[str, dict[str, list[int]]] = {}
    for event in events(simulated_records(replace(CLEAN, sessions=150), 1)):
        call = sessions.setdefault(event.key.call_sid, {})
        call.setdefault(event.key.session_id, []).append(event.timestamp)
    assert sum(map(len, sessions.values())) == 150
    shared = [list(call.values()) for call in sessions.values() if len(call) > 1]
    assert shared
    assert all(max(one) < min(other) for call in shared for one, other in pairwise(call))


def test_starts_lie_within_the_spread() -> None:
    traffic = replace(CLEAN, sessions=50, spread_s=100.0)
    starts = [
        e.timestamp for e in events(simulated_records(traffic, 1)) if e.name == "configurations"
    ]
    assert len(starts) == 50
    assert traffic.start_ms <= min(starts)
    assert max(starts) < traffic.start_ms + 200_000
