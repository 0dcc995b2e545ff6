"""One worker of a run, put together as ``worker.wiring`` does it: all real but for what leaves it,
and that is watched.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from tests.simulation.destinations import LineWriter, MetricsClient
from tests.simulation.watched import SteppedSource, Watch, WatchedSink
from tests.simulation.world import NAMESPACE, World
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_LINES
from worker.outbox.destination import Destination, OnAmbiguous, RequestFormat, Sink
from worker.outbox.entries import EntryKind
from worker.outbox.lane import Lane
from worker.outbox.sender import Sender
from worker.partition.partition import Partition
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits
from worker.service.service import Service
from worker.sources.kinesis.lineage import Survey, first_positions
from worker.sources.kinesis.scheduler import Schedule
from worker.state.compactor import Compactor
from worker.state.store import Store

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
    partition: Partition
    sender: Sender
    service: Service


def build(world: World, store: Store, watch: Watch, slowness: float) -> Worker:
    """The worker that is watched, its state taken and its beginning committed.

    ``slowness``: see ``SteppedSource``. Time may go by. Raises what strikes it on its way.
    """
    survey = world.kinesis.survey()
    while not isinstance(survey, Survey):
        world.pass_time(_SURVEY_AGAIN_MS)
        survey = world.kinesis.survey()
    restored = store.take(STREAM)
    partition = Partition(world.plan.rules, restored)
    positions = restored.positions or first_positions(survey, world.plan.start)
    random = Random(f"{world.plan.seed}:{watch.worker}")
    events = _Trace(watch.say)
    sender = Sender(
        Lane(kind, store, to, events, random.random)
        for kind, to in _destinations(world, watch).items()
    )
    schedule = Schedule(positions, survey.created, random.random, _MAX_BYTES)
    service = Service(
        SteppedSource(world.stream, schedule, lambda: world.now, random, slowness, watch),
        partition,
        store,
        sender,
        Compactor(store, 1.0),
        world.plan.rules,
        Limits(world.plan.commit_every_s, _LEAD_MS, world.plan.outbox_bytes),
        events,
        Clocks(lambda: world.now / 1000, lambda: world.now),
    )
    service.begin(positions)
    return Worker(watch.worker, store, partition, sender, service)


def _destinations(world: World, watch: Watch) -> dict[EntryKind, Destination]:
    metrics = CloudWatchSink(MetricsClient(world), NAMESPACE)
    ways: list[tuple[EntryKind, RequestFormat, Sink, OnAmbiguous]] = [
        (METRIC_KIND, DATUMS, metrics, world.plan.on_ambiguous),
        ("records", RECORD_LINES, LineWriter(world, "records"), "resend"),
        ("dead_letters", DEAD_LETTER_LINES, LineWriter(world, "dead_letters"), "resend"),
    ]
    return {
        kind: Destination(of, WatchedSink(kind, sink, watch), on_ambiguous)
        for kind, of, sink, on_ambiguous in ways
    }
