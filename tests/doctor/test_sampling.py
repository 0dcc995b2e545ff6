"""What some records tell of the traffic on a stream."""

from __future__ import annotations

import json

from tests.scenes import BASE, cloud_event, envelope
from worker.doctor.sampling import sample_of
from worker.stream.record import Record


def record(data: bytes, shard: str = "a", arrival: int = 5000) -> Record:
    return Record(shard, "1", BASE + arrival, data, "")


def versioned(version: str) -> bytes:
    event = json.loads(cloud_event(0, "prompt_sent", None, 1))
    schema = f"https://events-schemas.twilio.com/VoiceInsights.CallEvent/{version}"
    return json.dumps({**event, "dataschema": schema}).encode()


def test_each_occurrence_is_of_one_kind() -> None:
    sample = sample_of(
        [
            record(cloud_event(0, "prompt_sent", None, 1)),
            record(envelope(None, 0, group="payment_info")),
            record(b'{"type": "com.twilio.other"}'),
            record(b'{"type": "com.twilio.eventstreams.test-event", "data": {"test_id": "t"}}'),
            record(b"not JSON"),
        ],
        minutes=15,
        shards=1,
    )
    assert sample.occurrences == 5
    kinds = (sample.relay, sample.gateway, sample.other, sample.test_events, sample.unreadable)
    assert kinds == (1, 1, 1, 1, 1)


def test_schema_versions_are_told_by_how_their_address_ends() -> None:
    sample = sample_of([record(versioned(one)) for one in ("1", "2.json", "3", "3")], 15, 1)
    assert sample.schemas == {"1": 1, "2": 1, "3": 2}


def test_what_cannot_be_read_is_counted_whatever_it_is() -> None:
    """Of both, the type is there to be seen, and the rest is damaged or too deep."""
    damaged = versioned("3")[:-40]
    deep = versioned("3").replace(b'"prompt_sent"', b"[" * 5000 + b"]" * 5000)
    sample = sample_of([record(damaged), record(deep)], 15, 1)
    assert (sample.occurrences, sample.unreadable) == (2, 2)


def test_a_session_is_spread_if_its_events_lie_on_several_shards() -> None:
    events = [
        ("a", "VX1", 1),
        ("b", "VX1", 2),
        ("a", "VX2", 1),
        ("a", "VX2", 2),
        ("a", "VX3", 1),
    ]
    sample = sample_of(
        [
            record(cloud_event(0, "prompt_sent", None, number, session_id=session), shard)
            for shard, session, number in events
        ],
        minutes=15,
        shards=2,
    )
    assert (sample.seen, sample.cross_shard) == (2, 1)


def test_of_an_event_delivered_again_the_first_arrival_is_its_delay() -> None:
    event = cloud_event(0, "prompt_sent", None, 1)
    sample = sample_of([record(event, "b", 90_000), record(event, "a", 5000)], 15, 2)
    assert sample.delays == {5000: 1}


def test_the_span_is_that_of_the_arrivals() -> None:
    sample = sample_of([record(b"{}", arrival=at) for at in (7000, 1000, 4000)], 15, 1)
    assert (sample.records, sample.bytes, sample.span_ms) == (3, 6, 6000)
    assert sample_of([], 15, 1).span_ms == 0
