"""The processor of a keyed shard, which acquires and serves the buckets on it. Shell.

A bucket's store decides: its positions say which records the bucket has had, its epoch which
process owns it. A checkpoint only follows commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Final, Protocol

from worker.errors import ChainBroken, Fenced, Misconfigured, Unreadable, VoiceInsightsError
from worker.fleet.bucket import HeldBucket, PartitionsParts, open_bucket
from worker.fleet.bundles import decode_bundle
from worker.fleet.processor import Checkpointed, Checkpointer, LeasedRecord
from worker.objectstore.parallel import each

_REST_S: Final = 2.0
"""The period (s) of which a share is waited while an outbox is too full."""


class _Host(Protocol):
    @property
    def parts(self) -> PartitionsParts: ...

    @property
    def stopping(self) -> bool: ...

    def deadline(self) -> float: ...
    def rest(self, seconds: float) -> None: ...
    def enter(self, processor: KeyedProcessor) -> None: ...
    def leave(self, processor: KeyedProcessor) -> None: ...


class KeyedProcessor:
    """A ``Processor``. Its methods may be called in any thread.

    It checkpoints only records that all its buckets have committed, and none after an error.
    """

    def __init__(self, host: _Host) -> None:
        self._host = host
        self._parts = host.parts.buckets
        self._lock = Lock()
        self._shard = ""
        self._buckets: dict[int, HeldBucket] = {}
        self._over = False
        self._fenced: Fenced | None = None
        self._read: tuple[str, int] = "", 0
        self._settled: str | None = None
        self._checkpointed: str | None = None

    @property
    def buckets(self) -> Sequence[HeldBucket]:
        """The acquired buckets."""
        return tuple(self._buckets.values())

    def initialize(self, shard: str, after: str | None) -> None:
        """See ``Processor``. Acquires the shard's buckets. A process that acquires a bucket later
        fences this one, even after losing the lease; ``process`` finds out which has to end.
        """
        with self._lock, self._serving():
            self._host.enter(self)
            self._shard = shard
            self._settled = self._checkpointed = after
            self._over = self._host.stopping  # the host may have forgotten this shard
            if self._over:
                self._host.leave(self)
            else:
                self._open(self._parts.layout.buckets_between(*self._host.parts.hash_keys(shard)))

    def process(
        self,
        records: Sequence[LeasedRecord],
        millis_behind: int | None,  # noqa: ARG002
        checkpoint: Checkpointer,
    ) -> None:
        """See ``Processor``. Waits while an outbox is too full. After a stop no records are taken:
        they go to the next owner.

        Raises ``ChainBroken`` if a bucket lacks records before a bundle; ``Misconfigured`` if a
        record is of another fleet, or on a shard that doesn't carry its bucket;
        ``VoiceInsightsError`` if it can't be read; ``Fenced`` if another process has acquired a
        bucket although this one holds the lease.
        """
        with self._lock:
            with self._serving():
                self._make_room()
                if not (self._over or self._host.stopping):
                    self._receive(records)
                    self._turn()
            self._settle(checkpoint)

    def lease_lost(self) -> None:
        """See ``Processor``. Commits all the same: the epoch decides whether this process still
        may.
        """
        with self._lock:
            self._finish(self._host.deadline())
            self._give_up()

    def shard_ended(self, checkpoint: Checkpointer) -> None:
        """See ``Processor``. The end is committed in all buckets before it is checkpointed, so that
        the owner of a child shard finds them as they were left.
        """
        with self._lock:
            ended = False
            if not self._over:
                with self._serving():
                    for bucket in self.buckets:
                        bucket.carried(self._shard, *self._read, ended=True)
                    self._take_in()
                    ended = self._finish(self._host.deadline())
            if ended:
                checkpoint()
                self._give_up()
            else:
                self._settle(checkpoint)

    def shutdown_requested(self, checkpoint: Checkpointer) -> None:
        """See ``Processor``."""
        with self._lock:
            self._finish(self._host.deadline())
            self._settle(checkpoint)

    def tick(self) -> None:
        """Commit if it is time, unless a call of the engine is under way."""
        if self._lock.acquire(blocking=False):
            try:
                with self._serving():
                    self._turn()
            finally:
                self._lock.release()

    def stop(self, deadline: float) -> None:
        """Commit, send until ``deadline``, and take no more records. A process that is fenced now
        has nothing left to do.
        """
        if self._lock.acquire(timeout=max(0.0, deadline - self._host.parts.monotonic())):
            try:
                self._finish(deadline)
                self._fenced = None
            finally:
                self._lock.release()

    @contextmanager
    def _serving(self) -> Iterator[None]:
        """End at once if another process has acquired a bucket, or the block fails otherwise."""
        try:
            yield
        except Fenced as fenced:
            self._fenced = fenced
            self._release()
        except BaseException:
            self._give_up()
            self._release()
            raise

    def _open(self, numbers: Sequence[int]) -> None:
        opened: dict[int, HeldBucket] = {}

        def open_one(number: int) -> None:
            opened[number] = open_bucket(self._parts, number)

        try:
            each(open_one, numbers, self._host.parts.threads)
        finally:
            self._buckets = dict(sorted(opened.items()))
            for number in set(numbers) - opened.keys():
                self._parts.observer.bucket_left(number)
        for bucket in self.buckets:
            bucket.service.start()

    def _make_room(self) -> None:
        """Wait while an outbox is so full that reading has to pause."""
        while not self._host.stopping:
            for bucket in self.buckets:
                bucket.service.look_at_backlog()
            share = max((one.service.backpressure for one in self.buckets), default=0.0)
            if share:
                self._turn()
                self._host.rest(share * _REST_S)
            if share < 1.0:
                return

    def _receive(self, records: Sequence[LeasedRecord]) -> None:
        twice = 0
        for record, _ in records:
            try:
                twice += self._received(record.sequence_number, record.data)
            except (Unreadable, ChainBroken, Misconfigured) as error:
                self._parts.observer.bundle_refused()
                if not isinstance(error, Unreadable):
                    raise
                place = f"{self._shard} {record.sequence_number}"
                raise VoiceInsightsError(f"keyed stream, {place}: {error}") from error
        if twice:
            self._parts.observer.routed_twice(twice)
        if records:
            last = records[-1].record
            self._read = last.sequence_number, last.arrival
            for bucket in self.buckets:
                if not bucket.has(self._shard, last.sequence_number):
                    bucket.carried(self._shard, *self._read)

    def _received(self, sequence_number: str, data: bytes) -> int:
        """Give a record to its bucket; return how many of its items the bucket had already."""
        bundle = decode_bundle(data)
        bucket = self._buckets.get(bundle.bucket)
        if bucket is None:
            raise Misconfigured(
                f"the keyed stream's shard {self._shard} has a record of bucket {bundle.bucket}, "
                "which is on another shard: is the stream not a provisioned one?"
            )
        if bucket.has(self._shard, sequence_number):
            return 0
        return bucket.receive(bundle)

    def _turn(self) -> None:
        self._take_in()
        for bucket in self.buckets:
            bucket.service.raise_part_error()
        if any(bucket.service.commit_due for bucket in self.buckets):
            each(lambda one: one.service.commit(), self.buckets, self._host.parts.threads)
            self._settled = self._read[0] or self._settled

    def _take_in(self) -> None:
        for bucket in self.buckets:
            bucket.service.take_in(0.0)
            self._parts.observer.turned(bucket.number)

    def _settle(self, checkpoint: Checkpointer) -> None:
        """Checkpoint up to the committed record. A process that is fenced and can still checkpoint
        holds the lease, and has to acquire its buckets again: raises ``Fenced``.
        """
        fenced, settled = self._fenced, self._settled
        if fenced is not None:
            made = Checkpointed.MADE if settled is None else checkpoint(settled)
            if made is Checkpointed.DEFERRED:
                return  # the holder of the lease is found later
            self._give_up()
            if made is Checkpointed.MADE:
                raise fenced
        elif settled is not None and settled != self._checkpointed:
            match checkpoint(settled):
                case Checkpointed.MADE:
                    self._checkpointed = settled
                case Checkpointed.LEASE_GONE:
                    self._finish(self._host.deadline())
                    self._give_up()

    def _give_up(self) -> None:
        """Checkpoint no more."""
        self._fenced = self._settled = self._checkpointed = None

    def _finish(self, deadline: float) -> bool:
        """Commit all buckets, send until ``deadline``, and end; return whether all were committed,
        which shows that this process owned them.
        """
        if self._over:
            return False
        fenced: dict[int, Fenced] = {}

        def unless_fenced(bucket: HeldBucket, step: Callable[[], object]) -> None:
            try:
                if bucket.number not in fenced:
                    step()
            except Fenced as error:
                fenced[bucket.number] = error
                bucket.service.release()

        def commit_one(bucket: HeldBucket) -> None:
            unless_fenced(bucket, bucket.service.commit)

        try:  # all are committed before any is waited for: time may be short
            each(commit_one, self.buckets, self._host.parts.threads)
            for bucket in self.buckets:
                unless_fenced(bucket, partial(bucket.service.drain, deadline))
        finally:
            self._left()
        if fenced:
            self._fenced = next(iter(fenced.values()))
            return False
        self._settled = self._read[0] or self._settled
        return True

    def _release(self) -> None:
        for bucket in self.buckets:
            bucket.service.release()
        self._left()

    def _left(self) -> None:
        self._over = True
        self._host.leave(self)
        numbers, self._buckets = [*self._buckets], {}
        for number in numbers:
            self._parts.observer.bucket_left(number)
