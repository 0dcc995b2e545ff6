"""One task of a fleet: real routers, partitions and stores; its streams, leases and sinks are the
world's. No thread runs: jobs of the pools step when they are told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from tests.simulation.buckets import open_bucket
from tests.simulation.destinations import LineWriter, MetricsClient
from tests.simulation.faults import Crashed
from tests.simulation.fleet.engine import SteppedEngine
from tests.simulation.fleet.world import FleetWorld, KeyedWriter
from tests.simulation.plan import Point
from tests.simulation.watched import Watch, WatchedSink, WatchedStore
from tests.simulation.world import NAMESPACE
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_KIND, RECORD_LINES
from worker.fleet.bucket import BucketParts, HeldBucket, PartitionsParts
from worker.fleet.layout import Layout
from worker.fleet.partitions import PartitionsHost
from worker.fleet.producer import BundleProducer
from worker.fleet.router import RouterHost, RouterParts
from worker.metrics.series import Series
from worker.outbox.destination import Destination
from worker.outbox.entries import DEAD_LETTER_KIND, EntryKind
from worker.outbox.sender import LanePools
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.reader import describe_stream
from worker.state.sqlite.store import Compaction, SqliteStore
from worker.state.store import Store
from worker.stream.position import Position
from worker.thread_pool import Job, JobStep, ThreadPool
from worker.wiring import SharedParts

Pass = Callable[[str, Point], None]
_SENDS: Final = 0.4
_AGAIN_MS: Final = 500


class SteppedPool(ThreadPool):
    """A pool without threads."""

    def __init__(self, random: Random) -> None:
        super().__init__("stepped", 0)
        self._random = random
        self._jobs_here: list[Job] = []

    def start(self, step: JobStep) -> Job:
        """See ``ThreadPool.start``."""
        job = super().start(step)
        self._jobs_here.append(job)
        return job

    def step_some(self, share: float) -> None:
        """Step each job with this probability. Raises what ends a task."""
        for job in [*self._jobs_here]:
            if self._random.random() < share:
                job.begin()
                job.run()
                if isinstance(job.error, Crashed):
                    raise job.error
                if not job.settle():
                    self._jobs_here.remove(job)


class _Pools(LanePools):
    def __init__(self, pool: ThreadPool) -> None:
        super().__init__()
        self._pool = pool

    def of(self, kind: EntryKind) -> ThreadPool:
        return self._pool


class _Observer:
    """A ``BucketObserver`` that says what happens."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.refused = 0

    def bucket_taken(self, bucket: int, admitted: Iterable[Series]) -> None:
        self._say(f"takes bucket {bucket}, {len([*admitted])} series")

    def bucket_left(self, bucket: int) -> None:
        self._say(f"leaves bucket {bucket}")

    def turned(self, bucket: int) -> None:
        pass

    def routed_twice(self, records: int) -> None:
        self._say(f"had {records} records")

    def bundle_refused(self) -> None:
        self.refused += 1

    def of_bucket(self, bucket: int, listener: WorkerEvents) -> WorkerEvents:
        return listener


class FleetWorker:
    """A task with both roles. ``pass_point``: called at each point with the task's name."""

    router_host: type[RouterHost] = RouterHost
    partitions_host: type[PartitionsHost] = PartitionsHost

    def __init__(
        self, name: str, world: FleetWorld, layout: Layout, folder: Path, pass_point: Pass
    ) -> None:
        self.name: Final = name
        self.busy = False
        self._world = world
        self._folder = folder
        self._numbers = count()
        self._pass = lambda point: pass_point(name, point)
        self._watches: dict[int, Watch] = {}
        self._stores: list[Store] = []
        self._random = Random(f"{world.plan.seed}:{name}")
        self._lanes, self._compaction = SteppedPool(self._random), SteppedPool(self._random)
        self._observer = _Observer(self._say)
        self._layout = layout
        self._routers = self._hosted_routers()
        self.partitions = self._hosted_partitions()
        engine = partial(SteppedEngine, name, self._random, self._pass)
        self._engines = [
            engine(world.router_leases, world.stream, world.plan.start, self._routers.processor),
            engine(world.keyed_leases, world.keyed, "trim_horizon", self.partitions.processor),
        ]

    @property
    def buckets(self) -> list[HeldBucket]:
        """The buckets that it serves."""
        return [one for held in self.partitions.processors for one in held.buckets]

    def step(self, *, rude: bool) -> None:
        """Do what is due in a moment. Raises what ends the task."""
        for engine in self._engines:
            engine.step(rude=rude)
        self._routers.put_marks()
        if self._random.random() < 0.5:
            self._routers.probe()
        for held in self.partitions.processors:
            held.tick()
        self._lanes.step_some(_SENDS)
        self._compaction.step_some(0.02)

    def stop(self) -> None:
        """End as a task that is told to."""
        by_request = self._random.random() < 0.5
        self._routers.put_marks()
        self.partitions.stop(self._world.now / 1000)
        for engine in self._engines:
            engine.shut_down(by_request=by_request)

    def at_rest(self) -> bool:
        """Whether it has taken and sent all that there is."""
        return all(self._done(one) for one in self.buckets) and all(
            one.idle for one in self._engines
        )

    def close(self) -> None:
        """Let go of all stores."""
        for store in self._stores:
            store.close()

    def _done(self, bucket: HeldBucket) -> bool:
        partition, service = bucket.service.partition, bucket.service
        now, put = partition.now, self._world.put
        if partition.resident or now is None or (put and now <= put[-1].arrival):
            return False
        service.commit()
        service.look_at_backlog()
        return not service.waiting

    def _say(self, text: str) -> None:
        self._world.say(f"{self.name} {text}")

    def _hosted_routers(self) -> RouterHost:
        world = self._world

        def wait(seconds: float) -> bool:
            world.sleep(seconds)
            return True

        producer = BundleProducer(
            self._layout, "keyed", KeyedWriter(world, self._pass), wait, lambda: 0.5
        )
        parts = RouterParts(
            self._layout,
            world.stream,
            lambda: describe_stream(world.stream, world.sleep),
            producer,
            WorkerEvents(),
            lambda: world.now,
            lambda: world.now / 1000,
            world.sleep,
        )
        return self.router_host(parts, self._failed)

    def _hosted_partitions(self) -> PartitionsHost:
        world, plan = self._world, self._world.plan
        shared = SharedParts(
            "keyed",
            {},
            self._open_store,
            plan.rules,
            Limits(plan.commit_every_s, 300_000, plan.outbox_bytes),
            WorkerEvents(),
            Clocks(lambda: world.now / 1000, lambda: world.now),
            self._random.random,
            _Pools(self._lanes),
            self._compaction,
            self._destinations,
        )
        buckets = BucketParts(
            self._layout, "state", shared, self._births, self._observer, self._parents
        )
        return self.partitions_host(
            PartitionsParts(
                buckets, world.keyed.hash_keys, lambda: world.now / 1000, 1, 0.0, self._rest
            ),
            self._failed,
        )

    def _failed(self, error: BaseException) -> None:
        raise error

    def _rest(self, seconds: float) -> None:
        self._world.sleep(seconds)
        self._lanes.step_some(1.0)

    def _births(self) -> dict[str, Position]:
        return first_positions(self._source(), self._world.plan.start)

    def _parents(self) -> dict[str, tuple[str, ...]]:
        return {one.shard: one.parents for one in self._source().shards}

    def _source(self) -> StreamDescription:
        while not isinstance(found := self._world.kinesis.describe(), StreamDescription):
            self._world.pass_time(_AGAIN_MS)
        return found

    def _open_store(self, location: str) -> Store:
        """The store of a bucket, watched under a name that no other opening has."""
        world, bucket = self._world, int(location.rpartition("-")[2])
        name = f"{self.name}+{next(self._numbers)}"
        watch = Watch(
            name,
            world.ledgers[bucket],
            self._pass,
            lambda text: self._say(f"bucket {bucket}: {text}"),
        )
        self._watches[bucket] = watch
        store = WatchedStore(self._opened(bucket, watch), watch)
        self._stores.append(store)
        return store

    def _opened(self, bucket: int, watch: Watch) -> Store:
        if self._world.plan.store == "sqlite":
            return SqliteStore(self._folder / str(bucket), Compaction(commits=5))
        real = self._world.buckets[bucket]
        return open_bucket(real, watch, self._world.sleep, lambda: next(self._numbers))

    def _destinations(self, instance: str) -> dict[EntryKind, Destination]:
        """Those of the bucket whose state is opened at present."""
        world, watch = self._world, self._watches[int(instance.rpartition("-")[2])]
        metrics = CloudWatchSink(MetricsClient(world), NAMESPACE)
        found = {
            METRIC_KIND: Destination(DATUMS, metrics, world.plan.on_ambiguous),
            RECORD_KIND: Destination(RECORD_LINES, LineWriter(world, "records")),
            DEAD_LETTER_KIND: Destination(DEAD_LETTER_LINES, LineWriter(world, "dead_letters")),
        }
        return {
            kind: one._replace(sink=WatchedSink(kind, one.sink, watch))
            for kind, one in found.items()
        }
