"""Replay of a recording through the partition, deterministic and without a clock. Pure.

Offline, nothing is published before the end of the input, so every metric is exact whatever the
order of the records. As live, stream time follows the recording's arrival times, and everything is
published when the live worker would have published it, including late events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from worker.events.decode import PLATFORMS, Delivery, decode, decode_all
from worker.events.event import SessionKey
from worker.events.occurrence import Damaged
from worker.events.platform import Platforms
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.recordings.damaged_line import DamagedLine
from worker.stream.record import Record

Item = Record | DamagedLine
Take = Callable[[Outputs], None]
"""Receives outputs as they are produced."""

_AT_ONCE: Final = 500
_COMMIT_EVERY: Final = 40
_CLOCK: Final = "recording"


class Replay:
    """Offline replay: ``feed`` all items in any order, then ``finish``."""

    def __init__(self, rules: Rules, take: Take, platforms: Platforms = PLATFORMS) -> None:
        # offline every session ever seen is resident, so no event is too old
        self._partition = Partition(rules._replace(expire_after=None, max_held=None))
        self._take = take
        self._platforms = platforms
        self._waiting: list[Record] = []
        self._folded = 0

    @property
    def counters(self) -> Counter[str]:
        """The counters of the accounting law, and others, over everything folded so far."""
        return self._partition.counters

    def feed(self, item: Item) -> None:
        """Add one record, or one damaged line as a dead letter; records are folded in batches."""
        if isinstance(item, DamagedLine):
            self._partition.fold([_dead_letter(item)])
            return
        self._waiting.append(item)
        if len(self._waiting) == _AT_ONCE:
            self._fold_waiting()

    def _fold_waiting(self) -> None:
        self._partition.fold(decode_all(self._waiting, self._platforms))
        self._waiting.clear()
        self._folded += 1
        if self._folded % _COMMIT_EVERY == 0:
            self._take(self._partition.outputs())

    def finish(self) -> None:
        """Close all sessions, and give out everything that is left."""
        self._fold_waiting()
        self._judge_numbers()
        keys = self._partition.keys()
        for start in range(0, len(keys), _AT_ONCE):
            self._partition.finish(keys[start : start + _AT_ONCE])
            self._take(self._partition.outputs(publish=False))
        self._take(self._partition.outputs())

    def _judge_numbers(self) -> None:
        """Decide for all sessions alike whether absent numbers are missing events."""
        self._partition.judge_numbers()


class LiveReplay(Replay):
    """A replay with the live worker's holds and timers; ``feed`` in order of arrival."""

    def __init__(self, rules: Rules, take: Take, platforms: Platforms = PLATFORMS) -> None:
        super().__init__(rules, take, platforms)
        self._rules = rules
        self._partition = Partition(rules)
        self._archive: dict[SessionKey, EvictedSession] = {}
        self._pruned = 0

    def feed(self, item: Item) -> None:
        """Advance stream time to a record's arrival, then fold the record."""
        if isinstance(item, Record):
            self._partition.tip(_CLOCK, item.arrival)
            self._partition.advance((_CLOCK,))
            self._give()
        deliveries = (
            decode(item, self._platforms) if isinstance(item, Record) else [_dead_letter(item)]
        )
        misses = self._partition.fold_resident(deliveries)
        if misses:
            self._partition.fold_misses(misses, self._load_sessions(misses))

    def _judge_numbers(self) -> None:
        """Do nothing: the partition judges as sessions close."""

    def _load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        limit = (self._partition.now or 0) - self._rules.keep_closed
        found = {key: self._archive.pop(key, None) for key in keys}
        return {
            key: evicted
            for key, evicted in found.items()
            if evicted is not None and _closed_since(evicted, limit)
        }

    def _give(self) -> None:
        """Give out the outputs that time has produced, if any."""
        if not self._partition.has_outputs:
            return
        outputs = self._partition.outputs()
        self._archive.update(outputs.evicted)
        self._prune()
        self._take(outputs)

    def _prune(self) -> None:
        limit = (self._partition.now or 0) - self._rules.keep_closed
        if limit - self._pruned > self._rules.keep_closed // 16:
            self._pruned = limit
            for key, evicted in list(self._archive.items()):
                if not _closed_since(evicted, limit):
                    del self._archive[key]


def _closed_since(evicted: EvictedSession, limit: int) -> bool:
    return evicted.state.closed is not None and evicted.state.closed.at >= limit


def _dead_letter(line: DamagedLine) -> Delivery:
    return Delivery(Damaged(line.reason), line.shard, f"line {line.line}", 0, line.data)


def run_replay(
    items: Iterable[Item], replay: Replay, progress: Callable[[int], None], every: int
) -> None:
    """Feed all items, then finish; ``progress`` is called with their number, each ``every``
    items.
    """
    for count, item in enumerate(items, 1):
        replay.feed(item)
        if not count % every:
            progress(count)
    replay.finish()
