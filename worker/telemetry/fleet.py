"""The telemetry of one task of a fleet: what its router and its buckets report.

The hooks are called by the threads of routers and buckets, and the health pages read from another
one: a lock guards what is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, Protocol

from worker.metrics.series import Series
from worker.service.hooks import EventFanOut, WorkerEvents
from worker.service.ports import WorkerStatus
from worker.telemetry.liveness import START_WITHIN_S, TURN_WITHIN_S
from worker.telemetry.merged_status import MergedStatus
from worker.telemetry.snapshot import MetricValues

_ANSWERS_WITHIN_S: Final = 60.0
"""A shard without an answer for longer (s) counts as falling behind."""

_OF_BUCKETS: Final = (
    *("StreamTimeLag", "CommitAge", "MillisBehindLatest", "StreamTimeHeldBack", "ShardsLive"),
    *("ShardsPaused", "Backpressure", "SessionsOpen", "SessionsHeld", "SessionsCrossShard"),
    *("OutboxEntries", "OutboxSize", "OutboxAge", "StateSize"),
)
"""Metrics of the buckets' present contents: 0 for a task that holds no buckets."""


class BucketNews(Protocol):
    """Observes the buckets that come to a task, and go."""

    def bucket_taken(self, bucket: int) -> None:
        """A bucket is served by this task from now on."""
        ...

    def bucket_left(self, bucket: int) -> None:
        """A bucket is no longer served by this task."""
        ...


class FleetTelemetry(WorkerEvents):
    """Collects what a task's routers and buckets report. ``of``: the fleet's number of buckets;
    ``totals_kept``: whether totals of series are wanted; ``monotonic``: seconds. ``news``: observes
    each bucket that comes and goes.
    """

    def __init__(
        self,
        of: int,
        monotonic: Callable[[], float],
        news: BucketNews,
        *,
        totals_kept: bool,
    ) -> None:
        self._monotonic = monotonic
        self._news = news
        self._lock = Lock()
        self._passing = Lock()
        self._merged = MergedStatus(of, totals_kept=totals_kept)
        self._counts: Counter[str] = Counter(RoutedRecords=0, RoutedTwice=0, BundlesRefused=0)
        self._behind: dict[str, tuple[int, float]] = {}
        self._signs: dict[int, tuple[float, float]] = {}

    # --- a router's hooks

    def routed(self, records: int) -> None:
        """See ``WorkerEvents.routed``."""
        self._count("RoutedRecords", records)

    def router_behind(self, shard: str, ms: int) -> None:
        """See ``WorkerEvents.router_behind``."""
        with self._lock:
            self._behind[shard] = ms, self._monotonic()

    def router_left(self, shard: str) -> None:
        """See ``WorkerEvents.router_left``."""
        with self._lock:
            self._behind.pop(shard, None)

    # --- a bucket's hooks

    def bucket_taken(self, bucket: int, admitted: Iterable[Series] = ()) -> None:
        """This task has acquired the state of a bucket, which has ``admitted`` series."""
        with self._lock:
            self._merged.take(bucket, admitted)
            self._signs[bucket] = self._monotonic(), START_WITHIN_S
        self._news.bucket_taken(bucket)

    def bucket_left(self, bucket: int) -> None:
        """See ``BucketObserver.bucket_left``. Harmless if it was never taken."""
        with self._lock:
            self._merged.leave(bucket)
            left = self._signs.pop(bucket, None)
        if left is not None:
            self._news.bucket_left(bucket)

    def turned(self, bucket: int) -> None:
        """A bucket has had its turn, or is known to be waiting."""
        with self._lock:
            if bucket in self._signs:
                self._signs[bucket] = self._monotonic(), TURN_WITHIN_S

    def waiting(self) -> None:
        """A thread waits for AWS: any bucket may have to wait for that thread, so all are alive."""
        with self._lock:
            now = self._monotonic()
            self._signs |= {bucket: (now, within) for bucket, (_, within) in self._signs.items()}

    def routed_twice(self, records: int) -> None:
        """See ``BucketObserver.routed_twice``."""
        self._count("RoutedTwice", records)

    def bundle_refused(self, reason: str = "") -> None:  # noqa: ARG002
        """See ``BucketObserver.bundle_refused``."""
        self._count("BundlesRefused", 1)

    def of_bucket(self, bucket: int, listener: WorkerEvents) -> WorkerEvents:
        """The hooks of a bucket's service. ``listener`` gets the task's status at each commit."""
        return _BucketEvents(self, bucket, listener)

    def committed(self, bucket: int, status: WorkerStatus, listener: WorkerEvents) -> None:
        """Report the task's status to ``listener`` after a commit of a bucket."""
        self.turned(bucket)
        with self._passing:  # in the order of the commits; a listener may ask for ``values``
            with self._lock:
                merged = self._merged.add(bucket, status)
            listener.progress(merged)

    # --- queries

    def values(self) -> MetricValues:
        """Return the values of metrics that only a fleet has, or defines differently."""
        with self._lock:
            held = len(self._merged.held)
            values: MetricValues = {
                **self._counts,
                "BucketsHeld": held,
                "SeriesAdmitted": self._merged.series,
                "Heartbeat": int(held > 0),
                **({} if held else dict.fromkeys(_OF_BUCKETS, 0)),
            }
            if self._behind:
                values["RouterBehindMillis"] = max(map(self._lag, self._behind.values()))
            return values

    def holds_any(self) -> bool:
        """Whether the task holds a bucket."""
        with self._lock:
            return bool(self._signs)

    def alive(self) -> bool:
        """Whether each bucket that is held has given a sign of life within its bound."""
        with self._lock:
            now = self._monotonic()
            return all(now - at <= within for at, within in self._signs.values())

    def silent_s(self) -> float:
        """Seconds since the last sign of life of the bucket that has been silent for longest."""
        with self._lock:
            now = self._monotonic()
            return max((now - at for at, _ in self._signs.values()), default=0.0)

    def _lag(self, known: tuple[int, float]) -> int:
        millis_behind, at = known
        silent_s = self._monotonic() - at
        return (
            millis_behind if silent_s <= _ANSWERS_WITHIN_S else millis_behind + int(1000 * silent_s)
        )

    def _count(self, name: str, by: int) -> None:
        with self._lock:
            self._counts[name] += by


class _BucketEvents(EventFanOut):
    """Passes on what happens in a bucket, and the task's status instead of the bucket's."""

    def __init__(self, telemetry: FleetTelemetry, bucket: int, listener: WorkerEvents) -> None:
        super().__init__(listener)
        self._telemetry = telemetry
        self._bucket = bucket
        self._listener = listener

    def progress(self, progress: WorkerStatus) -> None:
        """See ``WorkerEvents.progress``."""
        self._telemetry.committed(self._bucket, progress, self._listener)
