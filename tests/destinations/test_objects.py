"""Session records and dead letters as objects: written twice they are there once."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.destinations.objects import DEAD_LETTERS, RECORDS, ObjectSink, letter_time, record_time
from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.outbox.entries import DeliveryOutcome
from worker.partition.dead_letters import (
    encode_letter,
    occurrence_letter,
    samples_letter,
    session_letter,
)
from worker.testing.strict_s3 import AFTER, S3Fault, StrictS3
from worker.times.rfc3339 import format_ms

NOON = 1_790_942_400_000  # 2026-10-02T12:00:00Z
MINUTE = 60_000
HOUR = 60 * MINUTE


def record(n: int, ended_at: int) -> bytes:
    return json.dumps({"session_id": f"VX{n}", "ended_at": format_ms(ended_at)}).encode() + b"\n"


def sink(bucket: StrictS3) -> ObjectSink:
    return ObjectSink(bucket, RECORDS, record_time)


def lines_in(bucket: StrictS3) -> dict[str, list[bytes]]:
    """Of each object."""
    return {
        key: zstandard.decompress(data).splitlines(keepends=True)
        for key, data in bucket.objects.items()
    }


entries = st.lists(
    st.builds(record, st.integers(0, 99), st.integers(NOON, NOON + 30 * HOUR)), min_size=1
)


@given(entries)
def test_every_record_lies_once_under_the_day_and_hour_in_which_its_session_ended(
    lines: list[bytes],
) -> None:
    bucket = StrictS3()
    assert sink(bucket).send(b"".join(lines)) == (DeliveryOutcome.APPLIED, "")
    wanted: dict[str, list[bytes]] = defaultdict(list)
    for line in lines:
        ended_at = json.loads(line)["ended_at"]
        wanted[f"sessions/dt={ended_at[:10]}/hour={ended_at[11:13]}/"].append(line)
    found = {key.rpartition("/")[0] + "/": lines for key, lines in lines_in(bucket).items()}
    assert found == wanted
    assert len(bucket.objects) == len(wanted)


@given(entries, st.lists(st.sampled_from(S3Fault), max_size=12))
def test_however_often_and_with_whatever_faults_an_entry_is_written_it_is_there_once(
    lines: list[bytes], faults: list[S3Fault]
) -> None:
    entry = b"".join(lines)
    once, often = StrictS3(), StrictS3()
    sink(once).send(entry)
    left = list(faults)
    often.faults = lambda _operation, _key: left.pop() if left else None
    while sink(often).send(entry)[0] is not DeliveryOutcome.APPLIED:
        pass
    sink(often).send(entry)
    often.deliver()
    assert often.objects == once.objects


@pytest.mark.parametrize("fault", S3Fault)
def test_an_attempt_without_an_answer_may_be_repeated_and_is_never_ambiguous(
    fault: S3Fault,
) -> None:
    bucket = StrictS3(lambda _operation, _key: fault)
    outcome, error = sink(bucket).send(record(1, NOON))
    assert outcome is DeliveryOutcome.NOT_APPLIED
    assert bucket.url in error
    assert bool(bucket.objects) is (fault in AFTER)


@pytest.mark.parametrize("fault", S3Fault)
def test_no_failure_but_its_absence_means_that_there_is_no_bucket(fault: S3Fault) -> None:
    assert not sink(StrictS3(lambda _operation, _key: fault)).bucket_missing()


def test_objects_of_an_hour_are_in_the_order_of_their_earliest_records() -> None:
    bucket = StrictS3()
    for minutes in (50, 3, 17):
        later = record(1, NOON + 59 * MINUTE)
        sink(bucket).send(later + record(2, NOON + minutes * MINUTE))
    names = [key.rpartition("/")[2][:4] for key in sorted(bucket.objects)]
    assert names == ["0300", "1700", "5000"]


def test_entries_that_differ_in_one_byte_are_objects_of_their_own() -> None:
    bucket = StrictS3()
    sink(bucket).send(record(1, NOON))
    sink(bucket).send(record(2, NOON))
    assert len(bucket.objects) == 2


def test_dead_letters_lie_under_the_hour_of_their_arrival() -> None:
    bucket = StrictS3()
    letter = occurrence_letter("no JSON", Origin("shard-1", "17", None, NOON + HOUR), b"\xff")
    body = encode_letter(letter) + b"\n"
    assert ObjectSink(bucket, DEAD_LETTERS, letter_time).send(body)[0] is DeliveryOutcome.APPLIED
    ((key, lines),) = lines_in(bucket).items()
    assert key.startswith("dead-letters/dt=2026-10-02/hour=13/0000-")
    assert key.endswith(".jsonl.zst")
    assert lines == [body]


def test_a_quarantined_session_lies_under_the_hour_of_its_latest_arrival() -> None:
    bucket = StrictS3()
    key = SessionKey("twilio", "AC1", "CA1", "VX1")
    body = encode_letter(session_letter("a defect", key, NOON + 2 * HOUR, b"log")) + b"\n"
    assert ObjectSink(bucket, DEAD_LETTERS, letter_time).send(body)[0] is DeliveryOutcome.APPLIED
    (name,) = bucket.objects
    assert name.startswith("dead-letters/dt=2026-10-02/hour=14/0000-")


def test_samples_that_cloudwatch_does_not_take_lie_under_the_hour_of_the_first() -> None:
    body = encode_letter(samples_letter("invalid", NOON - HOUR, [])) + b"\n"
    bucket = StrictS3()
    assert ObjectSink(bucket, DEAD_LETTERS, letter_time).send(body)[0] is DeliveryOutcome.APPLIED
    (name,) = bucket.objects
    assert name.startswith("dead-letters/dt=2026-10-02/hour=11/0000-")
