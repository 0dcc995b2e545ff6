"""The router: puts the records of source shards into the keyed stream by bucket. Shell.

``RouterHost`` is the router's part in one process: a processor for each leased source shard, a
thread that puts marks, and one that probes shards which deliver no records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Final, NamedTuple

from worker.errors import VoiceInsightsError
from worker.fleet.guard import Fail
from worker.fleet.layout import Layout
from worker.fleet.processor import Checkpointed, Checkpointer, LeasedRecord
from worker.fleet.producer import BundleProducer
from worker.fleet.routing import MARK_EVERY_S, Marks, Routing
from worker.fleet.tip_probe import probed_tip
from worker.service.hooks import WorkerEvents
from worker.sources.kinesis.api import KinesisApi
from worker.sources.kinesis.lineage import StreamDescription, children_of, trim_horizon

_SILENT_S: Final = 2.0
"""How long (s) a shard delivers no records before it is probed."""

_PROBE_EVERY_S: Final = 2.5
_LAST_BATCH_S: Final = 10.0
"""How long (s) a stop waits at most for batches that are being put."""

_DESCRIBE_ATTEMPTS: Final = 20
_DESCRIBE_AGAIN_S: Final = 0.5


class RouterParts(NamedTuple):
    """The parts that all routers of a process share. ``source``: the source stream; ``describe``
    returns its present description, and raises if it is unreachable for long. ``now``: epoch ms,
    ``monotonic``: seconds. ``sleep``: called with seconds in any thread; may raise to end a wait.
    """

    layout: Layout
    source: KinesisApi
    describe: Callable[[], StreamDescription]
    producer: BundleProducer
    events: WorkerEvents
    now: Callable[[], int]
    monotonic: Callable[[], float]
    sleep: Callable[[float], object]


class RouterHost:
    """The routers of one process. ``fail``: see ``guard``; called by the threads of ``start``."""

    def __init__(self, parts: RouterParts, fail: Fail) -> None:
        self._parts = parts
        self._fail = fail
        self._lock = Lock()
        self._routers: dict[int, Router] = {}
        self._stopping = Event()
        self._until = 0.0
        self._threads = [
            Thread(target=self._repeat, args=(MARK_EVERY_S, self.put_marks), name="fleet-marks"),
            Thread(target=self._repeat, args=(_PROBE_EVERY_S, self.probe), name="fleet-probe"),
        ]

    def processor(self) -> Router:
        """Return the processor of one more source shard."""
        return Router(self, self._parts)

    def start(self) -> None:
        """Begin to put marks and to probe."""
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def stop(self, deadline: float) -> None:
        """Route no more records, and put last marks, until ``deadline`` (by the monotonic clock).
        The next owners of the leases route the records that are not put by then.

        A batch that is being put is put whole: otherwise some buckets would have it and others not,
        until another router comes.
        """
        self._until = min(deadline, self._parts.monotonic() + _LAST_BATCH_S)
        self._stopping.set()
        with self._lock:
            routers = [*self._routers.values()]
        for router in routers:
            router.idle.wait(max(0.0, self._until - self._parts.monotonic()))
        last = Thread(target=self.put_marks, name="fleet-last-marks", daemon=True)
        last.start()
        for thread in (*self._threads, last):
            if thread.ident is not None:
                thread.join(max(0.0, deadline - self._parts.monotonic()))

    @property
    def stopping(self) -> bool:
        """Whether no more records are routed."""
        return self._stopping.is_set()

    @property
    def may_put(self) -> bool:
        """Whether a record that the keyed stream hasn't taken may be put once more."""
        return not self.stopping or self._parts.monotonic() < self._until

    def enter(self, router: Router) -> None:
        """Count a router in."""
        with self._lock:
            self._routers[id(router)] = router

    def leave(self, router: Router) -> None:
        """Count a router out: its shard has another owner, or has ended."""
        with self._lock:
            self._routers.pop(id(router), None)

    def put_marks(self) -> bool:
        """Report progress to the buckets that lack it; return whether all marks are put."""
        with self._lock:
            marks = Marks(self._parts.layout, [one.routing for one in self._routers.values()])
        if not self._parts.producer.put(marks.puts):
            return False
        with self._lock:
            marks.acknowledged()
        return True

    def probe(self) -> None:
        """Probe the shards that deliver no records. A closed shard has no clock, even if an answer
        looks like that of a tip: its child shards may hold earlier records.
        """
        parts = self._parts
        with self._lock:
            silent = [one for one in self._routers.values() if one.silent(parts.monotonic())]
            asked = [(one, one.routing.through, one.routing.clock) for one in silent]
        found = [
            (router, through, clock)
            for router, through, seen_to in asked
            if (clock := self._tip(router.shard, through, seen_to)) is not None
        ]
        if not found:
            return
        # listed after the probes, so that a shard closed before its probe is listed as a parent
        closed = {parent for one in parts.describe().shards for parent in one.parents}
        for router, through, clock in found:
            if router.shard in closed:
                continue
            with self._lock:
                held = id(router) in self._routers
                if held and router.silent(parts.monotonic()) and router.routing.through == through:
                    router.routing.caught_up(clock)
                    parts.events.router_behind(router.shard, 0)

    def _tip(self, shard: str, through: str, seen_to: int) -> int | None:
        return probed_tip(self._parts.source, shard, through, seen_to, self._parts.layout.start)

    def routed(self, router: Router, records: Sequence[LeasedRecord], behind: int | None) -> bool:
        """Route the next records of a router's shard; return whether all of them are put."""
        with self._lock:
            rounds = router.routing.route(records, behind)
        for puts in rounds:
            if not self._parts.producer.put(puts):
                return False
        with self._lock:
            router.routing.acknowledged()
        return True

    def ended(self, router: Router, children: Sequence[str]) -> bool:
        """Report the end of a router's shard to all buckets; return whether all marks are put."""
        with self._lock:
            router.routing.end(children)
        while not router.routing.end_settled:
            if not self.put_marks():
                return False
        return True

    def _repeat(self, every_s: float, work: Callable[[], object]) -> None:
        try:
            while not self._stopping.wait(every_s):
                work()
        except BaseException as error:
            self._fail(error)


class Router:
    """A ``Processor`` of a source shard."""

    def __init__(self, host: RouterHost, parts: RouterParts) -> None:
        self._host = host
        self._parts = parts
        self._called_at = parts.monotonic()
        self.idle = Event()
        """Set while no batch is being put."""
        self.idle.set()
        self._lost = False
        self._checkpointed = ""
        self.shard = ""
        self.routing = Routing(parts.layout, "", None)

    def silent(self, now: float) -> bool:
        """Whether the shard has delivered no records for a while."""
        return self.idle.is_set() and now - self._called_at >= _SILENT_S

    def initialize(self, shard: str, after: str | None) -> None:
        """See ``Processor``. Only the checkpoint says which records were routed before."""
        self.shard = shard
        horizon = trim_horizon(self._parts.describe(), self._parts.now())
        self.routing = Routing(self._parts.layout, shard, after, horizon)
        self._checkpointed = after or ""
        self._called_at = self._parts.monotonic()
        self._host.enter(self)

    def process(
        self, records: Sequence[LeasedRecord], millis_behind: int | None, checkpoint: Checkpointer
    ) -> None:
        """See ``Processor``. After a stop, or once the lease is known to be lost, no records are
        routed: they go to the next owner.
        """
        self.idle.clear()  # before the stop is looked at, which waits for those that didn't see it
        try:
            if self._lost or self._host.stopping:
                return
            if records and not self._host.routed(self, records, millis_behind):
                return
        finally:
            self._called_at = self._parts.monotonic()
            self.idle.set()
        self._parts.events.routed(len(records))
        self._parts.events.router_behind(self.shard, millis_behind or 0)
        self._settle(checkpoint)

    def lease_lost(self) -> None:
        """See ``Processor``."""
        self._leave()

    def shard_ended(self, checkpoint: Checkpointer) -> None:
        """See ``Processor``. The end is checkpointed once it is reported to all buckets, with the
        child shards, which hold stream time back from then on.
        """
        if self._lost or self._host.stopping:
            return
        children = self._children()
        if self._host.ended(self, children):
            checkpoint()
            self._leave()

    def shutdown_requested(self, checkpoint: Checkpointer) -> None:
        """See ``Processor``."""
        if not self._lost:
            self._host.put_marks()
            self._settle(checkpoint)
        self._leave()

    def _settle(self, checkpoint: Checkpointer) -> None:
        settled = self.routing.settled
        if settled and settled != self._checkpointed:
            match checkpoint(settled):
                case Checkpointed.MADE:
                    self._checkpointed = settled
                case Checkpointed.LEASE_GONE:
                    self._leave()

    def _leave(self) -> None:
        self._lost = True
        self._host.leave(self)
        self._parts.events.router_left(self.shard)

    def _children(self) -> list[str]:
        for _ in range(_DESCRIBE_ATTEMPTS):
            children = children_of(self.shard, self._parts.describe().shards)
            if children:
                return [one.shard for one in children]
            self._parts.sleep(_DESCRIBE_AGAIN_S)
        raise VoiceInsightsError(f"{self.shard} has ended, and its child shards can't be found")
