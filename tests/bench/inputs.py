"""What is measured on: the simulator's traffic, as records, as a recording, as Lambda events."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from worker.recordings.writer import write_recording
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records

SHARDS: Final = 100
OTHER_TYPES: Final = 0.112  # of events, by which a tenth of the records are of other types
LAMBDA_BATCH: Final = 10_000

_RECORDS_A_SESSION: Final = 90  # no session has fewer on average
_SPREAD_S: Final = 60.0


def events(
    records: int, seed: int, shards: int = SHARDS, spread_s: float = _SPREAD_S
) -> Iterator[Record]:
    """So many records of sessions that start within ``spread_s``, none damaged."""
    traffic = Traffic(
        sessions=records // _RECORDS_A_SESSION + 5,
        shards=shards,
        spread_s=spread_s,
        other_types=OTHER_TYPES,
        malformed=0.0,
    )
    return islice(simulated_records(traffic, seed), records)


def write_inputs(folder: Path, records: int, seed: int) -> None:
    """The same events as a recording, in ``recording/``, and as Lambda events, in ``lambda``."""
    folder.mkdir(exist_ok=True)
    made = list(events(records, seed))
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
