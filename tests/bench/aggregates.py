"""Case (f): KPL aggregates, opened here and by aws-kinesis-agg's own deaggregator."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from aws_kinesis_agg.deaggregator import iter_deaggregate_records

from tests.bench.inputs import events
from tests.bench.peers.measured import Stopwatch, settle
from tests.bench.replaying import Figures
from worker.events.kpl import user_records
from worker.testing.aggregates import aggregate

_BUNDLE: Final = 50  # events in an aggregate: some 45 KB


def ours(records: int, seed: int) -> Figures:
    """User records of aggregates, from the bytes that the stream's record holds."""
    bundles = list(_bundles(records, seed))
    settle()
    watch = Stopwatch()
    seen = 0
    with watch.running():
        for bundle in bundles:
            seen += len(user_records(bundle) or ())
    return {"records": seen, "cpu_s": watch.cpu_s, "wall_s": watch.wall_s}


def library(records: int, seed: int) -> Figures:
    """The same by the library, from base64, which is all that it takes."""
    wrapped = [_as_lambda_has_it(bundle) for bundle in _bundles(records, seed)]
    settle()
    watch = Stopwatch()
    seen = 0
    with watch.running():
        for record in wrapped:
            seen += sum(1 for _ in iter_deaggregate_records(record))
    return {"records": seen, "cpu_s": watch.cpu_s, "wall_s": watch.wall_s}


def _bundles(records: int, seed: int) -> Iterator[bytes]:
    source = events(records, seed)
    while chunk := [record.data for record in islice(source, _BUNDLE)]:
        yield aggregate("key", chunk)


def _as_lambda_has_it(data: bytes) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
            "partitionKey": "key",
            "data": base64.b64encode(data),
        }
    }
