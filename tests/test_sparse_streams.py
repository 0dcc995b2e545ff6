"""Streams whose sequence numbers don't follow one another lose neither waits nor turns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as with_fields

from tests.oracle import replay
from tests.oracle.comparing import compare, program
from tests.test_oracle import NOISY
from worker.partition.rules import Rules, SequenceNumbers
from worker.stream.record import Record
from worker.testing.traffic import simulated_records


def every_second_left_out(records: Iterable[Record]) -> Iterator[Record]:
    """The records with sequence numbers twice as far apart."""
    for record in records:
        yield with_fields(record, data=json.dumps(_spread(json.loads(record.data))).encode())


def _spread(event: Any) -> Any:
    """An event as it is, or a list of them, or its ``data`` as a string."""
    if isinstance(event, list):
        return [_spread(one) for one in event]
    data = event.get("data")
    if isinstance(data, str):
        return {**event, "data": json.dumps(_spread({"data": json.loads(data)})["data"])}
    relay = data.get("conversation_relay_data") if isinstance(data, dict) else None
    if isinstance(relay, dict):
        relay["sequence_number"] *= 2
    return event


@pytest.mark.parametrize("setting", ["auto", "contiguous", "sparse"])
@pytest.mark.parametrize(("sessions", "found_sparse"), [(20, False), (60, True)])
def test_a_sparse_stream_is_read_alike(
    setting: SequenceNumbers, sessions: int, found_sparse: bool
) -> None:
    traffic = replace(NOISY, sessions=sessions, malformed=0.0, aggregates=0.0)
    records = list(every_second_left_out(simulated_records(traffic, sessions)))
    expected = replay(records, setting)
    assert compare(expected, program(records, Rules(sequence_numbers=setting))) == []
    doubtful = sum(record["doubtful_turns"] for record in expected.records.values())
    measured = sum(
        record["latency_ms"]["response"] is not None for record in expected.records.values()
    )
    if setting == "sparse" or (setting == "auto" and found_sparse):
        assert measured
        assert not doubtful
    else:
        assert doubtful
