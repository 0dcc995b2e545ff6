"""The values that the service is given and gives out: limits, clocks and progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.metrics.totals import Totals
from worker.partition.commit_outputs import Waits, Window
from worker.service.shards import ShardProgress
from worker.state.store import Backlog


class WorkerStatus(NamedTuple):
    """The state of the service after a commit. ``backpressure``: the share of time in which
    nothing is read, because the outbox is so full. ``window``: the samples that the commit
    released; ``state_size``: bytes.
    ``cross_shard``: how many of the sessions in memory have had events of more than one shard.
    ``waits``: how long minutes that it gave out waited. ``found_sparse``: whether the sequence
    numbers of most sessions have turned out not to follow one another. ``totals``: of all series
    so far, if they are kept.
    """

    stream_time: int | None
    sessions: int
    cross_shard: int
    counters: dict[str, int]
    backlog: Backlog
    backpressure: float
    shards: dict[str, ShardProgress]
    state_size: int
    commit_s: float
    window: Window
    waits: Waits
    found_sparse: bool
    totals: Totals | None = None

    @property
    def behind_ms(self) -> int:
        """How far behind its tip the shard is that is furthest behind; 0 if none has said so."""
        told = (shard.behind_ms for shard in self.shards.values())
        return max((one for one in told if one is not None), default=0)


class Limits(NamedTuple):
    """``commit_every_s``: by the monotonic clock. ``max_shard_skew_ms``: of stream time.
    ``outbox_bytes``: reading slows from half of it on and rests from nine tenths on.
    """

    commit_every_s: float
    max_shard_skew_ms: int
    outbox_bytes: int


class Clocks(NamedTuple):
    """``monotonic`` gives seconds, ``now`` epoch ms."""

    monotonic: Callable[[], float]
    now: Callable[[], int]
