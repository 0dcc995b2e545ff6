"""One bucket of a fleet in a process: its state, and its service, fed by bundles. Shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from worker.fleet.bundles import Bundle, Mark
from worker.fleet.layout import Layout
from worker.fleet.receipt import Receipt
from worker.metrics.series import Series
from worker.partition.delta import Delta
from worker.service.hooks import WorkerEvents
from worker.service.service import Service
from worker.sources.batch import DecodedBatch
from worker.sources.source import Opening
from worker.stream.position import CARRIER, Position, carrier_at
from worker.wiring import SharedParts, partition_of

_NO_SKEW_LIMIT_MS: Final = 1 << 62
"""No limit: a shard that runs ahead can't be paused, as its records are already routed."""


class BucketObserver(Protocol):
    """Observes buckets. Called in any thread; its methods must neither block nor raise."""

    def bucket_taken(self, bucket: int, admitted: Iterable[Series]) -> None:
        """A bucket will be served; its state has ``admitted`` series."""
        ...

    def bucket_left(self, bucket: int) -> None:
        """A bucket is no longer served; also called if it never was."""
        ...

    def turned(self, bucket: int) -> None:
        """A bucket has had its turn, or is known to be waiting."""
        ...

    def routed_twice(self, records: int) -> None:
        """A bucket has left out ``records`` that it had already."""
        ...

    def bundle_refused(self) -> None:
        """A record of the keyed stream was refused; the process ends."""
        ...

    def of_bucket(self, bucket: int, listener: WorkerEvents) -> WorkerEvents:
        """Return the hooks of a bucket's service, which also pass on to ``listener``."""
        ...


class BucketParts(NamedTuple):
    """The parts that all buckets of a process share.

    ``state``: the fleet's location. ``births``: returns the first positions of a bucket that has
    none yet, in all shards of the source. ``parents``: returns the parents of each of these shards.
    """

    layout: Layout
    state: str
    shared: SharedParts
    births: Callable[[], Mapping[str, Position]]
    observer: BucketObserver
    parents: Callable[[], Mapping[str, Sequence[str]]] = dict

    def of(self, bucket: int) -> SharedParts:
        """Return the parts of one bucket, which has its share of the limits."""
        shared, buckets = self.shared, self.layout.buckets
        held = shared.rules.max_held
        return shared._replace(
            rules=shared.rules._replace(max_held=None if held is None else -(-held // buckets)),
            limits=shared.limits._replace(
                max_shard_skew_ms=_NO_SKEW_LIMIT_MS,
                outbox_bytes=-(-shared.limits.outbox_bytes // buckets),
            ),
            events=self.observer.of_bucket(bucket, shared.events),
        )


class PartitionsParts(NamedTuple):
    """The parts that all processors of keyed shards in a process share.

    ``hash_keys``: returns the first and the last hash key of a keyed shard. ``monotonic``: seconds.
    ``threads``: how many buckets of a shard are acquired or committed at once. ``grace_s``: how
    long a bucket that is handed over may go on sending. ``rest``: called with seconds to wait; None
    waits until the process stops.
    """

    buckets: BucketParts
    hash_keys: Callable[[str], tuple[int, int]]
    monotonic: Callable[[], float]
    threads: int = 8
    grace_s: float = 2.0
    rest: Callable[[float], object] | None = None


class PushedSource:
    """A ``Source`` whose batches are pushed into it, and polled in the same thread."""

    def __init__(self) -> None:
        self._ready: list[DecodedBatch] = []

    def push(self, batches: Iterable[DecodedBatch]) -> None:
        """Make these batches available to ``poll``."""
        self._ready += batches

    def start(self) -> None:
        """Do nothing: batches are pushed from outside."""

    def poll(self, timeout_s: float) -> list[DecodedBatch]:  # noqa: ARG002
        """See ``Source.poll``. Returns at once."""
        ready, self._ready = self._ready, []
        return ready

    def committed(self, positions: Mapping[str, Position]) -> None:
        """Do nothing: the pushing processor has checkpoints of its own."""

    def pause(self, shards: Iterable[str]) -> None:
        """Do nothing: the pushing processor waits while the outbox is too full."""

    def resume(self, shards: Iterable[str]) -> None:
        """Do nothing."""

    def expired_shards(self) -> list[str]:
        """Return none: ended shards stay known, so that late repeats are recognised."""
        return []

    def stop(self) -> None:
        """Do nothing."""


class HeldBucket:
    """A bucket whose state this process has acquired. Not thread-safe; its service sends and
    compacts in the threads of the shared pools.
    """

    def __init__(
        self,
        number: int,
        service: Service,
        source: PushedSource,
        receipt: Receipt,
        parents: Mapping[str, Sequence[str]],
    ) -> None:
        self.number: Final = number
        self._parents = dict(parents)
        self.service: Final = service
        self._source = source
        self._receipt = receipt

    def has(self, carrier: str, sequence_number: str) -> bool:
        """Whether the bucket has received the record of a keyed shard, or that shard's end."""
        position = self.service.partition.positions.get(CARRIER + carrier)
        if position is None:
            return False
        return position.ended or int(position.value) >= int(sequence_number)

    def receive(self, bundle: Bundle | Mark) -> int:
        """Prepare a bundle's new records for folding; return how many were repeats. See
        ``Receipt.take`` for errors.
        """
        received = self._receipt.take(bundle)
        self._source.push(received.batches)
        for batch in received.batches:
            self._source.push(self._never_leased(batch.shard))
        return received.repeated

    def _never_leased(self, shard: str) -> Iterator[DecodedBatch]:
        """Yield the ends of those ancestors of a shard of which no record has come. A shard is
        leased after its parents' ends are reported, so these were never leased: they had ended
        before the fleet's start, and would hold stream time back for ever.
        """
        positions = self.service.partition.positions
        for parent in self._parents.pop(shard, ()):
            position = positions.get(parent)
            if position is not None and not (position.started or position.ended):
                yield DecodedBatch(parent, 0, [], Position("ended", "", position.seen_to))
            yield from self._never_leased(parent)

    def carried(
        self, carrier: str, sequence_number: str, arrival: int, *, ended: bool = False
    ) -> None:
        """Note that a keyed shard is read up to a record, or to its end."""
        position = carrier_at(sequence_number, arrival, ended=ended)
        self._source.push([DecodedBatch(CARRIER + carrier, 0, [], position)])


def open_bucket(parts: BucketParts, bucket: int) -> HeldBucket:
    """Acquire a bucket's state and commit the beginning of its service. See ``partition_of`` for
    errors.
    """
    layout, source = parts.layout, PushedSource()
    receipts: list[Receipt] = []
    unbegun: list[str] = []

    def acquired(restored: Delta) -> None:
        parts.observer.bucket_taken(bucket, restored.series)

    def open_source(stored: Mapping[str, Position]) -> Opening:
        positions = stored or parts.births()
        receipts.append(Receipt(layout, bucket, positions))
        unbegun.extend(
            shard
            for shard, one in positions.items()
            if not (one.started or one.ended or one.is_carrier)
        )
        return Opening(source, positions)

    service = partition_of(
        parts.of(bucket),
        layout.location(parts.state, bucket),
        layout.identity(bucket),
        open_source,
        acquired,
    )
    parents = parts.parents() if unbegun else {}
    return HeldBucket(bucket, service, source, receipts[0], parents)
