"""Flow control of the shards that can still deliver: which pause, and how far behind each one is.

A shard pauses while it runs ahead of stream time, because its events would stay in memory until the
other shards catch up; and all of them pause, for a share of the time or altogether, while the
outbox is close to its limit. Pure: the service passes its monotonic clock.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.partition.partition import Partition

_SLOW_FROM: Final = 0.5
_REST_FROM: Final = 0.9
"""The fill levels of the outbox from which reading slows, and from which it pauses."""

_REST_PERIOD_S: Final = 2.0

_ANSWERS_WITHIN_S: Final = 60.0
"""A shard without an answer for longer than this is taken to fall behind, whatever its last
answer.
"""


def backpressure_share(outbox_bytes: int, limit: int) -> float:
    """Return the share of time (0 to 1) in which reading pauses, so that an outbox of
    ``outbox_bytes`` stays within its ``limit`` while a sink is unavailable.
    """
    filled = outbox_bytes / limit
    return min(1.0, max(0.0, (filled - _SLOW_FROM) / (_REST_FROM - _SLOW_FROM)))


class ShardProgress(NamedTuple):
    """A shard that is not read to its end. ``behind_ms``: its distance to its tip by its last
    answer, plus the time since then if that is long; ``clock``: how far it has been read (epoch
    ms); both None before anything was read of it. ``answered_s``: when it last answered, by the
    monotonic clock; None if it hasn't yet.
    """

    behind_ms: int | None
    clock: int | None
    paused: bool
    answered_s: float | None = None


class _Answer(NamedTuple):
    """``behind_ms``: None before the first answer. ``at_s``: the time of the answer, or of the
    first look.
    """

    behind_ms: int | None
    at_s: float


class Shards:
    """The shards of a partition, by its positions and clocks at each call.

    ``max_skew_ms``: how far a shard may run ahead of stream time. ``at_s``, everywhere: the
    monotonic clock, in seconds.
    """

    def __init__(self, partition: Partition, max_skew_ms: int) -> None:
        self._partition = partition
        self._max_skew_ms = max_skew_ms
        self._answers: dict[str, _Answer] = {}
        self._paused: set[str] = set()

    def live(self) -> list[str]:
        """Return the shards that can still deliver, without carriers."""
        positions = self._partition.positions
        return [
            shard
            for shard, position in positions.items()
            if not (position.ended or position.is_carrier)
        ]

    def answered(self, shard: str, behind_ms: int, at_s: float) -> None:
        """Note a shard's distance to its tip, by its latest answer."""
        self._answers[shard] = _Answer(behind_ms, at_s)

    def turn(self, backpressure: float, at_s: float) -> tuple[set[str], set[str]]:
        """Return the shards that pause from now on, and those that resume. ``backpressure``: the
        share of time (0 to 1) in which all of them pause.
        """
        live = self.live()
        resting = at_s % _REST_PERIOD_S < _REST_PERIOD_S * backpressure
        before = self._paused
        self._paused = set(live) if resting else self._running_ahead(live)
        return self._paused - before, before - self._paused

    def progress(self, at_s: float) -> dict[str, ShardProgress]:
        """Return the progress of each shard that can still deliver; drop the answers of others."""
        clocks = self._partition.time.clocks
        unheard = _Answer(None, at_s)
        self._answers = {shard: self._answers.get(shard, unheard) for shard in self.live()}
        return {
            shard: ShardProgress(
                _behind_ms(answer, at_s),
                clocks.get(shard),
                shard in self._paused,
                None if answer.behind_ms is None else answer.at_s,
            )
            for shard, answer in self._answers.items()
        }

    def _running_ahead(self, live: list[str]) -> set[str]:
        """Return the shards to pause. None while an unread shard holds time back: it may be waiting
        for the end of one that runs ahead.
        """
        time = self._partition.time
        behind = time.behind(live)
        if behind is None or not self._partition.positions[behind].started:
            return set()
        return time.ahead(live, self._max_skew_ms)


def _behind_ms(answer: _Answer, at_s: float) -> int | None:
    behind_ms, since = answer
    silent_s = at_s - since
    return behind_ms if silent_s <= _ANSWERS_WITHIN_S else (behind_ms or 0) + int(1000 * silent_s)
