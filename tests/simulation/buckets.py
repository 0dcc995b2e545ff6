"""State in a bucket, as the simulation has it: interruptible at every call, and watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.simulation.ledger import Samples
from tests.simulation.watched import Watch
from worker.objectstore.api import KeyPage, Object, StoreFailure
from worker.objectstore.retrying import Access
from worker.outbox.entries import Entry, Settled
from worker.outbox.ledger import Note
from worker.state.s3 import manifest as manifests
from worker.state.s3.ledger import notes_since
from worker.state.s3.maintenance import MaintenanceSchedule
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.store import S3Store
from worker.testing.strict_s3 import StrictS3

_UPKEEP = MaintenanceSchedule(commits=5, size=1 << 30, sweep_every=2)
_BY = "."


class WatchedBucket:
    """An ``ObjectStore``: one worker's way to the bucket."""

    def __init__(self, real: StrictS3, watch: Watch) -> None:
        self.url = real.url
        self._real = real
        self._watch = watch

    def get(self, key: str) -> Object | StoreFailure:
        """See ``ObjectStore.get``."""
        with self._calling():
            return self._real.get(key)

    def get_range(self, key: str, start: int, length: int) -> bytes | StoreFailure:
        """See ``ObjectStore.get_range``."""
        with self._calling():
            return self._real.get_range(key, start, length)

    def etag(self, key: str) -> str | StoreFailure:
        """See ``ObjectStore.etag``."""
        with self._calling():
            return self._real.etag(key)

    def put(self, key: str, data: bytes, expected: str | None) -> str | StoreFailure:
        """See ``ObjectStore.put``."""
        with self._calling():
            return self._real.put(key, data, expected)

    def delete(self, key: str) -> StoreFailure | None:
        """See ``ObjectStore.delete``."""
        with self._calling():
            return self._real.delete(key)

    def keys(self, prefix: str, after: str = "") -> KeyPage | StoreFailure:
        """See ``ObjectStore.keys``."""
        with self._calling():
            return self._real.keys(prefix, after)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        self._watch.pass_point("before S3 call")
        yield
        self._watch.pass_point("after S3 call")


def open_bucket(
    real: StrictS3, watch: Watch, sleep: Callable[[float], object], number: Callable[[], int]
) -> S3Store:
    """A store in the bucket that compacts and sweeps often. Its nonces name the worker."""
    return S3Store(
        WatchedBucket(real, watch),
        observer=lambda failed: watch.say(
            f"s3: {failed.operation} {failed.key}: {failed.failure.detail}"
        ),
        sleep=sleep,
        random=lambda: 0.5,
        nonce=lambda: f"{watch.worker}{_BY}{number()}",
        schedule=_UPKEEP,
        readers=1,
    )


class BucketLedger:
    """What is known of requests by the bucket itself: of a swap whose owner died in the middle
    nobody else can tell whether it was made.
    """

    def __init__(self, bucket: StrictS3, broken: Callable[[str], None]) -> None:
        self._bucket = bucket
        self._broken = broken
        self._fenced: set[str] = set()

    @property
    def owner(self) -> str:
        """Who made the last swap: only the owner can, and becoming it is one."""
        data = self._bucket.objects.get(MANIFEST)
        return "" if data is None else manifests.decode_manifest(data).nonce.partition(_BY)[0]

    @property
    def notes(self) -> list[Note]:
        """All notes that were kept."""
        quiet = StrictS3()
        quiet.objects = self._bucket.objects
        return notes_since(Access(quiet, lambda _: None, lambda: 0.5, lambda _: None), 0)

    @property
    def bound(self) -> Samples:
        """By the notes: how many samples of a series' minute there may be too many."""
        return _summed(
            (note, note.max_count - 1)
            for note in self.notes
            if 1 == note.min_count < note.max_count
        )

    @property
    def dropped(self) -> Samples:
        """By the notes: how many samples of a series' minute may be missing."""
        return _summed((note, 1) for note in self.notes if not note.min_count)

    def taken(self, worker: str) -> None:
        """Nothing: the bucket knows, and since then another may have taken it."""

    def fenced(self, worker: str) -> None:
        """See ``Ledger.fenced``."""
        if worker == self.owner:
            self._broken(f"law 4: {worker} owns the partition, and was fenced")
        self._fenced.add(worker)

    def sending(self, worker: str) -> None:
        """See ``Ledger.sending``."""
        if worker in self._fenced:
            self._broken(f"law 4: {worker} was fenced, and sent all the same")

    def wrote(self, worker: str, what: str) -> None:
        """Nothing: since its swap another may have taken the partition."""

    def claimed(self, entries: Iterable[Entry]) -> None:
        """Nothing: the bucket knows."""

    def settled(self, outcomes: Iterable[Settled]) -> None:
        """Nothing: the bucket knows."""


def _summed(notes: Iterable[tuple[Note, int]]) -> Samples:
    found: Samples = {}
    for note, times in notes:
        for series, minute, count in note.counts:
            found.setdefault((*series, minute), Counter())[0.0] += count * times
    return found
