"""Case (b): the worker on a stub's stream, to encoded requests in a durable outbox."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from tests.bench.peers.measured import Stopwatch, settle
from tests.bench.replaying import Figures
from tests.outbox.outboxes import FORMATS
from worker.aws.sessions import open_session
from worker.cli.gc_tuning import tune_collector
from worker.outbox.destination import Destination
from worker.outbox.entries import DeliveryOutcome
from worker.outbox.lane import Lane
from worker.outbox.sender import Sender
from worker.partition.partition import Partition
from worker.service.hooks import EventFanOut
from worker.service.ports import Clocks
from worker.service.service import Service
from worker.settings.model import Settings
from worker.settings.rules import limits_of, rules_of
from worker.sources.kinesis.client import open_stream
from worker.sources.kinesis.inline import InlineSource
from worker.sources.kinesis.lineage import first_positions
from worker.sources.kinesis.reader import THREADS, Reader, describe_stream
from worker.state.compactor import Compactor
from worker.state.sqlite.store import SqliteStore
from worker.telemetry.collector import TelemetryCollector
from worker.telemetry.worker_log import WorkerLog


class _Discard:
    """A sink that takes everything and costs nothing."""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        return DeliveryOutcome.APPLIED, ""


class Worker:
    """The parts that ``worker.wiring`` puts together, but for what leaves the machine."""

    def __init__(self, endpoint: str, state: Path) -> None:
        settings = Settings()
        rules = rules_of(settings)
        api = open_stream(
            "bench",
            open_session(),
            region="us-east-1",
            endpoint=endpoint,
            threads=THREADS,
            now=None,
        )
        description = describe_stream(api)
        positions = first_positions(description, "trim_horizon")
        store = SqliteStore(state)
        self.partition = Partition(rules, store.acquire("bench"))
        clocks = Clocks(time.monotonic, lambda: time.time_ns() // 1_000_000)
        telemetry = TelemetryCollector(clocks.now, lambda: 0, lambda _reading, _at: None)
        events = EventFanOut(WorkerLog(clocks), telemetry)
        random = Random(0).random
        self.service = Service(
            InlineSource(Reader(api, positions, description.created, lambda _: None)),
            self.partition,
            store,
            Sender(
                Lane(kind, store, Destination(of, _Discard()), events, random)
                for kind, of in FORMATS.items()
            ),
            Compactor(store, 30.0),
            rules,
            limits_of(settings),
            events,
            clocks,
        )
        self.service.begin(positions)
        self._shutdown_s = settings.shutdown_s

    @property
    def folded(self) -> int:
        return self.partition.counters["occurrences"]

    def deadline(self, records: int) -> float | None:
        """To end by, once so many records are folded."""
        return time.monotonic() + self._shutdown_s if self.folded >= records else None


def live(endpoint: str, state: str, records: int) -> Figures:
    """From the first call to the last commit: reader, fold, windows, encoding, SQLite."""
    worker = Worker(endpoint, Path(state))
    settle()
    tune_collector()
    watch = Stopwatch()
    with watch.running():
        worker.service.run(lambda: worker.deadline(records))
    return {
        "records": worker.folded,
        "cpu_s": watch.cpu_s,
        "wall_s": watch.wall_s,
    }


def fetch(endpoint: str, records: int) -> Figures:
    """The reader alone: from the first call to the last record, none of them looked at."""
    api = open_stream(
        "bench",
        open_session(),
        region="us-east-1",
        endpoint=endpoint,
        threads=THREADS,
        now=None,
    )
    description = describe_stream(api)
    positions = first_positions(description, "trim_horizon")
    reader = Reader(api, positions, description.created, lambda _: None)
    settle()
    tune_collector()
    watch = Stopwatch()
    seen = 0
    with watch.running():
        reader.start()
        while seen < records:
            seen += sum(len(batch.records) for batch in reader.poll(1.0))
        reader.stop()
    return {"records": seen, "cpu_s": watch.cpu_s, "wall_s": watch.wall_s}
