"""One worker of a run, put together by ``worker.wiring``: all real but for what leaves it, and that
is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, NamedTuple

from tests.simulation import otlp
from tests.simulation.destinations import LineWriter, MetricsClient
from tests.simulation.watched import SteppedSource, Watch, WatchedSink
from tests.simulation.world import NAMESPACE, World
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_LINES
from worker.outbox.destination import Destination, OnAmbiguous, RequestFormat, Sink
from worker.outbox.entries import EntryKind
from worker.outbox.sender import LanePools, Sender
from worker.partition.partition import Partition
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits
from worker.service.service import Service
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.scheduler import Schedule
from worker.sources.source import Opening
from worker.state.compactor import compaction_pool
from worker.state.store import Store
from worker.stream.position import Position
from worker.wiring import SharedParts, partition_of

STREAM: Final = "calls, created when the simulation began"
_LEAD_MS: Final = 300_000
_MAX_BYTES: Final = 64 << 20
_SURVEY_AGAIN_MS: Final = 500


class _Trace(WorkerEvents):
    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def test_event(self, test_id: str) -> None:
        self._say(f"test event {test_id}")

    def gap(self, shard: str) -> None:
        self._say(f"gap in {shard}")


class Worker(NamedTuple):
    """One process. ``store`` is the real one, watched."""

    name: str
    store: Store
    service: Service

    @property
    def partition(self) -> Partition:
        """Its partition."""
        return self.service.partition

    @property
    def sender(self) -> Sender:
        """What sends for it."""
        return self.service.sender


def build(world: World, store: Store, watch: Watch, slowness: float) -> Worker:
    """The worker that is watched, its state taken and its beginning committed.

    ``slowness``: see ``SteppedSource``. Time may go by. Raises what strikes it on its way.
    """
    description = world.kinesis.describe()
    while not isinstance(description, StreamDescription):
        world.pass_time(_SURVEY_AGAIN_MS)
        description = world.kinesis.describe()
    random = Random(f"{world.plan.seed}:{watch.worker}")

    def open_source(stored: Mapping[str, Position]) -> Opening:
        positions = stored or first_positions(description, world.plan.start)
        schedule = Schedule(positions, description.created, random.random, _MAX_BYTES)
        source = SteppedSource(world.stream, schedule, lambda: world.now, random, slowness, watch)
        return Opening(source, positions)

    stage = SharedParts(
        STREAM,
        _destinations(world, watch),
        lambda _location: store,
        world.plan.rules,
        Limits(world.plan.commit_every_s, _LEAD_MS, world.plan.outbox_bytes),
        _Trace(watch.say),
        Clocks(lambda: world.now / 1000, lambda: world.now),
        random.random,
        LanePools(),
        compaction_pool(),
    )
    service = partition_of(stage, watch.worker, STREAM, open_source)
    return Worker(watch.worker, store, service)


def _destinations(world: World, watch: Watch) -> dict[EntryKind, Destination]:
    metrics = CloudWatchSink(MetricsClient(world), NAMESPACE)
    ways: list[tuple[EntryKind, RequestFormat, Sink, OnAmbiguous]] = [
        (METRIC_KIND, DATUMS, metrics, world.plan.on_ambiguous),
        ("records", RECORD_LINES, LineWriter(world, "records"), "resend"),
        ("dead_letters", DEAD_LETTER_LINES, LineWriter(world, "dead_letters"), "resend"),
    ]
    found = {kind: Destination(of, sink, on_ambiguous) for kind, of, sink, on_ambiguous in ways}
    found |= otlp.ways(world.otlp)
    return {
        kind: one._replace(sink=WatchedSink(kind, one.sink, watch)) for kind, one in found.items()
    }
