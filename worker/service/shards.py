"""The shards that can still deliver: which of them pause, and how far behind its tip each one is.

A shard pauses while it runs ahead of stream time, because its events would have to be held in
memory until the others come; and all of them pause, for a share of the time or altogether, while
the outbox is close to its limit. Pure: the service brings its monotonic clock.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.partition.partition import Partition

_SLOW_FROM: Final = 0.5
_REST_FROM: Final = 0.9
"""How full the outbox may be before reading slows, and before it rests."""

_REST_PERIOD_S: Final = 2.0

_ANSWERS_WITHIN_S: Final = 60.0
"""A shard that says nothing for longer is falling behind, whatever it said last."""


def backpressure_share(outbox_bytes: int, limit: int) -> float:
    """The share of time (0 to 1) in which nothing is read, so that an outbox that holds so many
    bytes stays within its limit while a sink is away.
    """
    filled = outbox_bytes / limit
    return min(1.0, max(0.0, (filled - _SLOW_FROM) / (_REST_FROM - _SLOW_FROM)))


class ShardProgress(NamedTuple):
    """A shard that is not read to its end. ``behind_ms``: behind its tip, by its last answer, and
    the time since then if that is long; ``clock``: how far it has come (epoch ms); both None before
    anything was read of it. ``answered_s``: when it last answered, by the monotonic clock; None if
    it has not yet.
    """

    behind_ms: int | None
    clock: int | None
    paused: bool
    answered_s: float | None = None


class _Answer(NamedTuple):
    """``behind_ms``: None where there was none yet. ``at_s``: since when nothing else is known."""

    behind_ms: int | None
    at_s: float


class Shards:
    """Those of a partition, as its positions and clocks have them at each call.

    ``max_skew_ms``: how far one may run ahead of stream time. ``at_s``, everywhere: the monotonic
    clock, in seconds.
    """

    def __init__(self, partition: Partition, max_skew_ms: int) -> None:
        self._partition = partition
        self._max_skew_ms = max_skew_ms
        self._answers: dict[str, _Answer] = {}
        self._paused: set[str] = set()

    def live(self) -> list[str]:
        """The shards that can still deliver."""
        positions = self._partition.positions
        return [shard for shard, position in positions.items() if not position.ended]

    def answered(self, shard: str, behind_ms: int, at_s: float) -> None:
        """A shard has said how far behind its tip it is read."""
        self._answers[shard] = _Answer(behind_ms, at_s)

    def turn(self, backpressure: float, at_s: float) -> tuple[set[str], set[str]]:
        """The shards that pause from now on, and those that resume. ``backpressure``: the share of
        time (0 to 1) in which all of them pause.
        """
        live = self.live()
        resting = at_s % _REST_PERIOD_S < _REST_PERIOD_S * backpressure
        before = self._paused
        self._paused = set(live) if resting else self._running_ahead(live)
        return self._paused - before, before - self._paused

    def progress(self, at_s: float) -> dict[str, ShardProgress]:
        """How each shard does that can still deliver; the answers of others are forgotten."""
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
        """The shards to pause. None while a shard of which nothing was read holds time back: it
        may be waiting for the end of one that runs ahead.
        """
        time = self._partition.time
        behind = time.behind(live)
        if behind is None or not self._partition.positions[behind].started:
            return set()
        return time.ahead(live, self._max_skew_ms)


def _behind_ms(answer: _Answer, at_s: float) -> int | None:
    told, since = answer
    silent_s = at_s - since
    return told if silent_s <= _ANSWERS_WITHIN_S else (told or 0) + int(1000 * silent_s)
