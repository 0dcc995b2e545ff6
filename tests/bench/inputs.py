"""What is measured on: the simulator's traffic, as records, as a recording, as Lambda events."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from worker.recordings.writer import write_recording
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

SHARDS: Final = 100
START_MS: Final = 1_790_942_400_000  # 2026-10-02T12:00:00Z, where no clock has a say
OTHER_TYPES: Final = 0.112  # of events, by which a tenth of the records are of other types
LAMBDA_BATCH: Final = 10_000

_RECORDS_A_SESSION: Final = 90  # no session has fewer on average
_SPREAD_S: Final = 60.0
_LONGEST_MS: Final = 5 * 3_600_000  # from the first start to the last arrival, retries included


def today_ms() -> int:
    """A start, on the minute, of traffic that has just ended."""
    return (time.time_ns() // 1_000_000 - _LONGEST_MS) // 60_000 * 60_000


def events(
    records: int,
    seed: int,
    shards: int = SHARDS,
    spread_s: float = _SPREAD_S,
    start_ms: int = START_MS,
) -> Iterator[Record]:
    """So many records of sessions that start within ``spread_s`` from ``start_ms`` on, none
    damaged.
    """
    traffic = Traffic(
        sessions=records // _RECORDS_A_SESSION + 12,
        shards=shards,
        start_ms=start_ms,
        spread_s=spread_s,
        other_types=OTHER_TYPES,
        malformed=0.0,
    )
    return islice(simulated_records(traffic, seed), records)


def write_inputs(
    folder: Path, records: int, seed: int, shards: int = SHARDS, start_ms: int = START_MS
) -> None:
    """The same events as a recording, in ``recording/``, and as Lambda events, in ``lambda``."""
    folder.mkdir(exist_ok=True)
    made = list(events(records, seed, shards, start_ms=start_ms))
    write_recording(folder / "recording", made)
    with (folder / "lambda").open("w", encoding="ascii") as file:
        for start in range(0, records, LAMBDA_BATCH):
            file.write(json.dumps(_lambda_event(made[start : start + LAMBDA_BATCH])) + "\n")


def _lambda_event(records: Iterable[Record]) -> dict[str, object]:
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.partition_key,
                    "sequenceNumber": record.sequence_number,
                    "data": base64.b64encode(record.data).decode(),
                    "approximateArrivalTimestamp": record.arrival / 1000,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{record.shard}:{record.sequence_number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/bench",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/bench",
            }
            for record in records
        ]
    }
