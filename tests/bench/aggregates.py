"""Case (f): KPL aggregates, opened here and by aws-kinesis-agg's own deaggregator."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from hashlib import md5
from itertools import islice
from random import Random
from typing import Any, Final

from aws_kinesis_agg.deaggregator import iter_deaggregate_records

from tests.bench.inputs import events
from tests.bench.peers.measured import Stopwatch, settle
from tests.bench.replaying import Figures
from worker.cli.gc_tuning import tune_collector
from worker.events.kpl import user_records
from worker.testing.aggregates import aggregate

_BUNDLE: Final = 50  # user records in an aggregate
SMALL: Final = 100  # bytes of a small user record, for which the format was made


def ours(records: int, seed: int, size: str = "events") -> Figures:
    """User records of aggregates, from the bytes that the stream's record holds."""
    bundles = list(_bundles(records, seed, size))
    tune_collector()
    return _timed(lambda: sum(len(user_records(bundle) or ()) for bundle in bundles))


def library(records: int, seed: int, size: str = "events") -> Figures:
    """The same by the library, from base64, which is all that it takes."""
    wrapped = [_as_lambda_has_it(bundle) for bundle in _bundles(records, seed, size)]
    return _timed(lambda: sum(1 for record in wrapped for _ in iter_deaggregate_records(record)))


def checksums(records: int, seed: int, size: str = "events") -> Figures:
    """Nothing but the MD5 that every aggregate has to be checked by."""
    bundles = list(_bundles(records, seed, size))
    return _timed(
        lambda: sum(_BUNDLE for one in bundles if md5(one, usedforsecurity=False).digest())
    )


def _timed(work: Callable[[], int]) -> Figures:
    settle()
    watch = Stopwatch()
    with watch.running():
        records = work()
    return {"records": records, "cpu_s": watch.cpu_s, "wall_s": watch.wall_s}


def _bundles(records: int, seed: int, size: str) -> Iterator[bytes]:
    rng = Random(seed)
    source = (
        (rng.randbytes(SMALL) for _ in range(records))
        if size == "small"
        else _events(records, seed)
    )
    while chunk := list(islice(source, _BUNDLE)):
        yield aggregate("key", chunk)


def _events(records: int, seed: int) -> Iterator[bytes]:
    return (record.data for record in events(records, seed))


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
