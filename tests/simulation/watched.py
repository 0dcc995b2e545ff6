"""A worker's store, source and sinks as the simulation sees them: interruptible, and watched.

Each does what the real one does. Around it lie the points at which a worker can be struck;
what a transaction has done is told to the ledger once it is durable, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from tests.simulation.ledger import Witness
from tests.simulation.plan import Point
from worker.errors import Fenced
from worker.events.event import SessionKey
from worker.outbox.destination import Sink
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind, Settled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.sources.batch import DecodedBatch
from worker.sources.kinesis.api import CallResult as CallOutcome
from worker.sources.kinesis.api import KinesisApi, StreamCall, carry_out
from worker.sources.kinesis.inline import decode_batch
from worker.sources.kinesis.scheduler import Schedule
from worker.state.store import Backlog, Commit, Store
from worker.stream.position import Position

Pass = Callable[[Point], None]
"""Called at each point; may raise ``Crashed``, or return after others have been at work."""


class Watch(NamedTuple):
    """Who is watched, and by whom."""

    worker: str
    ledger: Witness
    pass_point: Pass
    say: Callable[[str], None]


class WatchedStore:
    """A ``Store``."""

    def __init__(self, real: Store, watch: Watch) -> None:
        self._real = real
        self._watch = watch

    def acquire(self, stream: str) -> Delta:
        """See ``Store.acquire``."""
        self._watch.pass_point("before take")
        restored = self._real.acquire(stream)
        self._watch.ledger.taken(self._watch.worker)
        self._watch.pass_point("after take")
        return restored

    def append(self, commit: Commit) -> None:
        """See ``Store.append``."""
        with self._writing("append", "before append"):
            self._real.append(commit)
        delta = commit.delta
        self._watch.say(
            f"append: time {delta.stream_time}, {len(delta.sessions)} sessions,"
            f" {len(delta.positions)} positions, {len(commit.new_entries)} requests,"
            f" {len(commit.evicted)} evicted"
        )
        self._watch.pass_point("after append")

    def load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        """See ``Store.load_sessions``."""
        self._watch.pass_point("recall")
        return self._real.load_sessions(keys)

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """See ``Store.claim``."""
        with self._writing("claim", "before claim"):
            entries = self._real.claim(kind, most)
        self._watch.ledger.claimed(entries)
        if entries:
            self._watch.say(f"claim {kind}: {[entry.id for entry in entries]}")
        self._watch.pass_point("after claim")
        return entries

    def settle(self, settled: Iterable[Settled]) -> None:
        """See ``Store.settle``."""
        outcomes = list(settled)
        with self._writing("settle", "before settle"):
            self._real.settle(outcomes)
        self._watch.ledger.settled(outcomes)
        told = ", ".join(f"{one.id} {one.outcome.value}" for one in outcomes)
        self._watch.say(f"settle: {told}")
        self._watch.pass_point("after settle")

    def waiting_kinds(self) -> set[EntryKind]:
        """See ``Store.waiting_kinds``."""
        return self._real.waiting_kinds()

    def backlog(self) -> Backlog:
        """See ``Store.backlog``."""
        return self._real.backlog()

    def size(self) -> int:
        """See ``Store.size``."""
        return self._real.size()

    def compact(self) -> None:
        """See ``Store.compact``."""
        self._real.compact()

    def close(self) -> None:
        """See ``Store.close``."""
        self._real.close()

    @contextmanager
    def _writing(self, what: str, before: Point) -> Iterator[None]:
        self._watch.pass_point(before)
        try:
            yield
        except Fenced:
            self._watch.ledger.fenced(self._watch.worker)
            raise
        self._watch.ledger.wrote(self._watch.worker, what)


class WatchedSink:
    """A ``Sink``."""

    def __init__(self, kind: EntryKind, real: Sink, watch: Watch) -> None:
        self._kind = kind
        self._real = real
        self._watch = watch

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """See ``Sink.send``."""
        self._watch.pass_point("before send")
        self._watch.ledger.sending(self._watch.worker)
        outcome, error = self._real.send(body)
        self._watch.say(f"send {self._kind}, {len(body)} bytes: {outcome.value} {error}".rstrip())
        self._watch.pass_point("after send")
        return outcome, error


class SteppedSource:
    """A ``Source`` without threads: each ``poll`` carries out what is due, answers late ones.

    ``slowness``: the share (0 to 1) of calls whose answers come with a later ``poll`` only.
    """

    def __init__(
        self,
        api: KinesisApi,
        schedule: Schedule,
        clock: Callable[[], int],
        random: Random,
        slowness: float,
        watch: Watch,
    ) -> None:
        self._api = api
        self._schedule = schedule
        self._clock = clock
        self._random = random
        self._slowness = slowness
        self._watch = watch
        self._under_way: list[tuple[StreamCall, CallOutcome]] = []

    def start(self) -> None:
        """Nothing to begin: ``poll`` does it all."""

    def stop(self) -> None:
        """Nothing to end."""

    def poll(self, timeout_s: float) -> list[DecodedBatch]:
        """What has come by now; time doesn't pass in here, so there is no waiting."""
        now = self._clock()
        late, self._under_way = self._under_way, []
        while (call := self._schedule.next_call(now)) is not None:
            answered = call, carry_out(call, self._api)
            (self._under_way if self._random.random() < self._slowness else late).append(answered)
        self._random.shuffle(late)
        for call, outcome in late:
            self._schedule.completed(call, outcome, now)
        batches = self._schedule.drain_batches(now, 1 << 20)
        records = sum(len(batch.records) for batch in batches)
        if records:
            self._watch.say(f"read {records} records of {sorted({b.shard for b in batches})}")
        for batch in batches:
            if batch.ended:
                self._watch.say(f"read {batch.shard} to its end")
        self._watch.pass_point("read")
        return [decode_batch(batch) for batch in batches]

    def pause(self, shards: Iterable[str]) -> None:
        """See ``Source.pause``."""
        self._schedule.pause(shards)

    def resume(self, shards: Iterable[str]) -> None:
        """See ``Source.resume``."""
        self._schedule.resume(shards)

    def committed(self, positions: Mapping[str, Position]) -> None:
        """Nothing to do: the next start is given the store's positions."""

    def expired_shards(self) -> list[str]:
        """See ``Source.expired_shards``."""
        return self._schedule.expired()
