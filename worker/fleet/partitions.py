"""The stateful side of a fleet in one process: the processors of the keyed shards that it leases.
Shell.
"""

from __future__ import annotations

from threading import Event, Lock, Thread
from typing import Final

from worker.fleet.bucket import PartitionsParts
from worker.fleet.guard import Fail, guarded
from worker.fleet.keyed_processor import KeyedProcessor
from worker.objectstore.parallel import each

_TICK_S: Final = 1.0


class PartitionsHost:
    """A ``RoleHost``. ``fail``: see ``guard``; called by the thread of ``start``."""

    def __init__(self, parts: PartitionsParts, fail: Fail) -> None:
        self.parts: Final = parts
        self._fail = fail
        self._stopping = Event()
        self._deadline: float | None = None
        self._lock = Lock()
        self._processors: dict[int, KeyedProcessor] = {}

    def processor(self) -> KeyedProcessor:
        """Return the processor of one more keyed shard."""
        return KeyedProcessor(self)

    def start(self) -> None:
        """Begin to commit by time, even while nothing is delivered."""
        Thread(target=self._repeat, name="fleet-commits", daemon=True).start()

    def stop(self, deadline: float) -> None:
        """Commit all buckets, send until ``deadline`` (by the monotonic clock), and take no more
        records.
        """
        self._deadline = deadline
        self._stopping.set()
        each(lambda one: one.stop(deadline), self.processors, self.parts.threads)

    @property
    def stopping(self) -> bool:
        """Whether no more records are taken."""
        return self._stopping.is_set()

    @property
    def processors(self) -> list[KeyedProcessor]:
        """The processors that hold a shard."""
        with self._lock:
            return list(self._processors.values())

    def deadline(self) -> float:
        """Return the deadline for leaving a shard now (by the monotonic clock)."""
        return self._deadline or self.parts.monotonic() + self.parts.grace_s

    def rest(self, seconds: float) -> None:
        """Wait, unless the process stops."""
        (self.parts.rest or self._stopping.wait)(seconds)

    def enter(self, processor: KeyedProcessor) -> None:
        """Count a processor in."""
        with self._lock:
            self._processors[id(processor)] = processor

    def leave(self, processor: KeyedProcessor) -> None:
        """Count a processor out."""
        with self._lock:
            self._processors.pop(id(processor), None)

    def _repeat(self) -> None:
        with guarded(self._fail):
            while not self._stopping.wait(_TICK_S):
                for one in self.processors:
                    one.tick()
