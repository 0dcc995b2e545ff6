"""The fleet's two sides without their streams: records to bundles, bundles to encoded requests."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.bench.peers.measured import Stopwatch, settle
from tests.outbox.outboxes import FORMATS
from worker.cli.gc_tuning import tune_collector
from worker.events.decode import decode_all
from worker.fleet.bucket import BucketParts, PartitionsParts, PushedSource
from worker.fleet.layout import Layout
from worker.fleet.partitions import PartitionsHost
from worker.fleet.processor import Checkpointed, LeasedRecord
from worker.fleet.routing import BundlePut, Marks, Routing
from worker.metrics.series import Series
from worker.outbox.destination import Destination
from worker.outbox.entries import DeliveryOutcome
from worker.outbox.sender import LanePools
from worker.recordings.reader import read_recording
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks
from worker.settings.model import Settings
from worker.settings.rules import limits_of, rules_of
from worker.sources.batch import DecodedBatch
from worker.sources.source import Opening
from worker.state.compactor import compaction_pool
from worker.state.sqlite.store import SqliteStore
from worker.stream.position import HEAD, Position
from worker.stream.record import Record
from worker.wiring import SharedParts, partition_of

LAYOUT: Final = Layout(source="bench", keyed="bench-keyed", buckets=16)

BATCH: Final = 500
"""Records of a shard that are routed at once: half a second of a busy one."""

_BUNDLES_AT_ONCE: Final = 100
_LAST_HASH_KEY: Final = (1 << 128) - 1

Batch = list[Record]
Figures = dict[str, Any]


def router(recording: str) -> Figures:
    """From records in memory to bundles and marks, none of them put."""
    batches = list(_batches(recording))
    settle()
    watch = Stopwatch()
    with watch.running():
        size = sum(len(put.data) for put in _routed(batches))
    return {**_figures(sum(map(len, batches)), watch), "bytes": size}


def partitions(recording: str, folder: Path, part: int, parts: int) -> Figures:
    """From bundles in memory to encoded requests in SQLite, of one of ``parts`` equal shares of the
    keyed stream.
    """
    batches = list(_batches(recording))
    first, last = (_LAST_HASH_KEY * one // parts for one in (part, part + 1))
    mine = set(LAYOUT.buckets_between(first, last))
    puts = [put.data for put in _routed(batches) if put.bucket in mine]
    folder.mkdir(parents=True)
    host = _host(str(folder), {batch[0].shard for batch in batches}, (first, last))
    settle()
    tune_collector()
    watch = Stopwatch()
    with watch.running():
        processor = host.processor()
        processor.initialize("keyed-0", None)
        buckets = processor.buckets
        for records in _keyed(puts):
            processor.process(records, 0, lambda _sequence=None: Checkpointed.MADE)
        host.stop(time.monotonic() + 60)
    counters = [one.service.partition.counters["occurrences"] for one in buckets]
    return _figures(sum(counters), watch)


def single(recording: str, folder: Path) -> Figures:
    """The same by one worker: from records in memory to encoded requests in SQLite."""
    batches = list(_batches(recording))
    folder.mkdir(parents=True)
    source = PushedSource()
    births = dict.fromkeys((batch[0].shard for batch in batches), HEAD)
    settle()
    tune_collector()
    watch = Stopwatch()
    with watch.running():
        service = partition_of(
            _shared(),
            str(folder / "single.sqlite"),
            "bench",
            lambda stored: Opening(source, stored or births),
        )
        service.start()
        for batch in batches:
            source.push([_decoded(batch)])
            service.turn(0.0)
        service.finish(time.monotonic() + 60)
    return _figures(service.partition.counters["occurrences"], watch)


def _batches(recording: str) -> Iterator[Batch]:
    """The records of all shards in turn, as routers that keep up with them get them."""
    shards: defaultdict[str, Batch] = defaultdict(list)
    for one in read_recording(recording):
        if isinstance(one, Record):
            shards[one.shard].append(one)
    cut = [
        [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
        for records in shards.values()
    ]
    for some in zip_longest(*cut, fillvalue=()):
        yield from (list(batch) for batch in some if batch)


def _routed(batches: Sequence[Batch]) -> Iterator[BundlePut]:
    """Bundles of all batches, and marks after each batch of every shard."""
    routings: dict[str, Routing] = {}
    due: set[str] = set()
    for batch in batches:
        shard = batch[0].shard
        if shard in due:
            yield from _marks(routings.values())
            due.clear()
        due.add(shard)
        routing = routings.setdefault(shard, Routing(LAYOUT, shard, None))
        for puts in routing.route([LeasedRecord(one) for one in batch], 0):
            yield from puts
        routing.acknowledged()
    yield from _marks(routings.values())


def _marks(routings: Iterable[Routing]) -> list[BundlePut]:
    marks = Marks(LAYOUT, routings)
    marks.acknowledged()
    return marks.puts


def _keyed(puts: Sequence[bytes]) -> Iterator[list[LeasedRecord]]:
    for start in range(0, len(puts), _BUNDLES_AT_ONCE):
        yield [
            LeasedRecord(Record("keyed-0", str(start + n), 1, data, ""))
            for n, data in enumerate(puts[start : start + _BUNDLES_AT_ONCE], 1)
        ]


def _decoded(batch: Batch) -> DecodedBatch:
    last = batch[-1]
    seen_to = max(one.arrival for one in batch)
    position = Position("after", last.sequence_number, seen_to)
    return DecodedBatch(last.shard, len(batch), decode_all(batch), position)


class _Discard:
    """A sink that takes everything and costs nothing."""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        return DeliveryOutcome.APPLIED, ""


class _Unobserved:
    """An observer of buckets to which nothing matters."""

    def bucket_taken(self, bucket: int, admitted: Iterable[Series]) -> None: ...
    def bucket_left(self, bucket: int) -> None: ...
    def turned(self, bucket: int) -> None: ...
    def routed_twice(self, records: int) -> None: ...
    def bundle_refused(self) -> None: ...

    def of_bucket(self, bucket: int, listener: WorkerEvents) -> WorkerEvents:
        return listener


def _shared() -> SharedParts:
    settings = Settings()
    return SharedParts(
        "bench",
        {kind: Destination(of, _Discard()) for kind, of in FORMATS.items()},
        lambda location: SqliteStore(Path(location)),
        rules_of(settings),
        limits_of(settings),
        WorkerEvents(),
        Clocks(time.monotonic, lambda: time.time_ns() // 1_000_000),
        Random(0).random,
        LanePools(1),
        compaction_pool(),
    )


def _host(folder: str, shards: Iterable[str], hash_keys: tuple[int, int]) -> PartitionsHost:
    births = dict.fromkeys(shards, HEAD)
    buckets = BucketParts(LAYOUT, folder, _shared(), lambda: births, _Unobserved())
    parts = PartitionsParts(buckets, lambda _shard: hash_keys, time.monotonic)
    return PartitionsHost(parts, _fail)


def _fail(error: BaseException) -> None:
    raise error


def _figures(records: int, watch: Stopwatch) -> Figures:
    return {"records": records, "cpu_s": watch.cpu_s, "wall_s": watch.wall_s}
