"""The service's parameters and results: limits, clocks and status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.metrics.series import Series
from worker.metrics.totals import Totals
from worker.partition.commit_outputs import RecordLine, Waits, Window
from worker.service.letter_news import LetterNews
from worker.service.shards import ShardProgress
from worker.state.store import Backlog


class HeldBuckets(NamedTuple):
    """The buckets of a fleet that a task holds, and ``of`` how many."""

    held: tuple[int, ...]
    of: int


def listed_buckets(held: Sequence[int]) -> str:
    """Buckets, given in ascending order, in words: ``0-3, 7``."""
    runs: list[list[int]] = []
    for bucket in held:
        if runs and bucket == runs[-1][1] + 1:
            runs[-1][1] = bucket
        else:
            runs.append([bucket, bucket])
    texts = (str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return ", ".join(texts) or "none"


class WorkerStatus(NamedTuple):
    """The status of the service after a commit. ``backpressure``: the share of time (0 to 1) in
    which reading pauses because the outbox is nearly full. ``window``: the samples that the commit
    released; ``state_size``: bytes. ``cross_shard``: how many resident sessions have had events
    from more than one shard. ``waits``: how long the released minutes waited. ``found_sparse``:
    whether the sequence numbers of most sessions have been found not to be contiguous. ``records``:
    of the sessions that closed or were revised; ``letters``: the commit's dead letters. ``totals``:
    those of all series, if they are kept. ``admitted``: the series that the commit admitted.

    Of several buckets together the counters are what was counted since this process took each of
    them; ``open_sessions`` then tells what they don't, and ``buckets`` which those are.
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
    records: list[RecordLine]
    letters: LetterNews
    totals: Totals | None = None
    admitted: Sequence[Series] = ()
    open_sessions: int | None = None
    buckets: HeldBuckets | None = None

    @property
    def behind_ms(self) -> int:
        """The largest distance of a shard to its tip in ms; 0 if no shard has reported one."""
        reported = (shard.behind_ms for shard in self.shards.values())
        return max((one for one in reported if one is not None), default=0)


class Limits(NamedTuple):
    """``commit_every_s``: by the monotonic clock. ``max_shard_skew_ms``: of stream time.
    ``outbox_bytes``: reading slows when the outbox is half full, and pauses when it is nine tenths
    full.
    """

    commit_every_s: float
    max_shard_skew_ms: int
    outbox_bytes: int


class Clocks(NamedTuple):
    """``monotonic`` returns seconds, ``now`` epoch ms."""

    monotonic: Callable[[], float]
    now: Callable[[], int]
