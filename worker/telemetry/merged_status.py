"""The status of the buckets that one task holds, as that of one worker. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from worker.metrics.series import Series
from worker.partition.running_totals import RunningTotals
from worker.service.ports import HeldBuckets, WorkerStatus
from worker.service.shards import ShardProgress
from worker.state.store import Backlog
from worker.telemetry.snapshot import open_sessions

_N = TypeVar("_N", int, float)


class MergedStatus:
    """Statuses by bucket. ``of``: the fleet's number of buckets; ``totals_kept``: whether totals of
    series are wanted.

    Sums never fall when a bucket goes to another task: counters and totals are those of this task's
    commits, so that the fleet's are the sums over its tasks.
    """

    def __init__(self, of: int, *, totals_kept: bool) -> None:
        self._of: Final = of
        self._statuses: dict[int, WorkerStatus] = {}
        self._before: dict[int, Counter[str]] = {}
        self._left: Counter[str] = Counter()
        self._series: dict[int, set[Series]] = {}
        self._totals = RunningTotals(kept=totals_kept, restored=None)

    @property
    def held(self) -> list[int]:
        """The buckets, in their order."""
        return sorted(self._series)

    @property
    def series(self) -> int:
        """The number of distinct series that the buckets have admitted."""
        return len(set().union(*self._series.values()))

    def take(self, bucket: int, admitted: Iterable[Series]) -> None:
        """Begin with a bucket whose state has ``admitted`` series."""
        self.leave(bucket)
        self._series[bucket] = set(admitted)

    def leave(self, bucket: int) -> None:
        """End with a bucket; it need not be held."""
        self._series.pop(bucket, None)
        status = self._statuses.pop(bucket, None)
        if status is not None:
            self._left += _growth(status, self._before.pop(bucket))

    def add(self, bucket: int, status: WorkerStatus) -> WorkerStatus:
        """Return the task's status after a commit of a bucket, with the commit's outputs. The
        bucket's first status is the base for its counters.
        """
        self._before.setdefault(bucket, Counter(status.counters))
        self._statuses[bucket] = status
        self._series.setdefault(bucket, set()).update(status.admitted)
        statuses = self._statuses.values()
        stream_time = _least(one.stream_time for one in statuses)
        self._totals.add(status.window, stream_time)
        counters = self._left.copy()
        for number, one in self._statuses.items():
            counters += _growth(one, self._before[number])
        return status._replace(
            stream_time=stream_time,
            sessions=sum(one.sessions for one in statuses),
            cross_shard=sum(one.cross_shard for one in statuses),
            counters=dict(counters),
            backlog=_backlog([one.backlog for one in statuses]),
            backpressure=max(one.backpressure for one in statuses),
            shards=_shards(statuses),
            state_size=sum(one.state_size for one in statuses),
            found_sparse=any(one.found_sparse for one in statuses),
            totals=self._totals.now,
            open_sessions=sum(open_sessions(one.counters) for one in statuses),
            buckets=HeldBuckets(tuple(self.held), self._of),
        )


def _growth(status: WorkerStatus, before: Counter[str]) -> Counter[str]:
    return Counter(status.counters) - before


def _least(values: Iterable[_N | None]) -> _N | None:
    """The least value; None if one of them isn't known."""
    known = list(values)
    return None if None in known else min(one for one in known if one is not None)


def _backlog(backlogs: list[Backlog]) -> Backlog:
    return Backlog(
        sum(one.entries for one in backlogs),
        sum(one.size for one in backlogs),
        sum(one.ambiguous for one in backlogs),
        min((one.oldest for one in backlogs if one.oldest is not None), default=None),
    )


def _shards(statuses: Iterable[WorkerStatus]) -> dict[str, ShardProgress]:
    """Return each shard by the status of the bucket that has read least of it."""
    seen: dict[str, list[ShardProgress]] = {}
    for status in statuses:
        for shard, progress in status.shards.items():
            seen.setdefault(shard, []).append(progress)
    return {shard: _shard(progresses) for shard, progresses in seen.items()}


def _shard(seen: list[ShardProgress]) -> ShardProgress:
    return ShardProgress(
        _if_all_known(max, [one.behind_ms for one in seen]),
        _if_all_known(min, [one.clock for one in seen]),
        any(one.paused for one in seen),
        _if_all_known(min, [one.answered_s for one in seen]),
    )


def _if_all_known(choose: Callable[[list[_N]], _N], values: list[_N | None]) -> _N | None:
    known = [one for one in values if one is not None]
    return choose(known) if len(known) == len(values) else None
