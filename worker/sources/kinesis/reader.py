"""The reader of a live stream: carries out the schedule with a few threads. Shell.

One thread asks the schedule what is due, the fetch threads make the calls, and the consumer's
thread takes the results. All of them share one lock, held only around the schedule. A call goes to
the thread that was busy last, since each keeps the memory of its largest answer and a connection:
the few calls that a backlog allows at once go to a few threads.
"""

from __future__ import annotations

import queue
import random as randomness
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from worker.errors import Misconfigured, Unreachable
from worker.sources.kinesis.api import KinesisApi, StreamCall, StreamFailureKind, carry_out
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.pacing import STEADY, Random, after_failure
from worker.sources.kinesis.reader_events import BackedOff, ReaderEvent
from worker.sources.kinesis.scheduler import Schedule, ShardView
from worker.sources.kinesis.shard_consumer import Batch
from worker.stream.position import Position

ReaderObserver = Callable[[ReaderEvent], None]
"""Called with each event, by any of the reader's threads; must neither block nor raise."""

THREADS: Final = 8
_MAX_BYTES: Final = 64 << 20
"""The memory of records not yet taken and of calls in flight; one answer may exceed it."""

_POLL_BYTES: Final = 8 << 20
"""The memory of records that one poll hands over, which no longer count as held by the reader; one
answer may exceed it.
"""

_Calls = queue.SimpleQueue[StreamCall | None]
"""The calls of one fetch thread, one at a time; None ends it."""

_FIRST_ATTEMPTS: Final = 8
_STOP_WITHIN: Final = 1.0  # seconds


def describe_stream(
    api: KinesisApi,
    sleep: Callable[[float], object] = time.sleep,
    random: Random = randomness.random,
    observer: ReaderObserver = lambda _: None,
) -> StreamDescription:
    """Return the stream's description, which a start needs for its first positions.

    Retries for some time, sleeping in seconds, if the service doesn't answer; ``observer`` is
    called before each of these pauses. Raises Misconfigured if there is no such stream or no access
    to it, else Unreachable.
    """
    pace = STEADY
    while True:
        description = api.describe()
        if isinstance(description, StreamDescription):
            return description
        if description.kind not in (StreamFailureKind.THROTTLED, StreamFailureKind.UNAVAILABLE):
            raise Misconfigured(f"the stream can't be read: {description.detail}")
        pace, wait = after_failure(pace, random)
        if pace.failures == _FIRST_ATTEMPTS:
            raise Unreachable(f"the stream can't be reached: {description.detail}")
        observer(BackedOff("", description, pace.failures, wait))
        sleep(wait / 1000)


class Reader:
    """Reads all shards of one stream. Its methods are for one thread, the consumer's.

    ``positions``: where each shard continues; a shard without one starts at its beginning.
    ``created``: the creation time (epoch ms) of the stream that they belong to.
    """

    def __init__(
        self,
        api: KinesisApi,
        positions: Mapping[str, Position],
        created: int,
        observer: ReaderObserver,
        *,
        threads: int = THREADS,
    ) -> None:
        self._api = api
        self._observer = observer
        self._schedule = Schedule(positions, created, randomness.random, _MAX_BYTES)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # for the dispatcher
        self._ready = threading.Condition(self._lock)  # for the consumer
        self._calls: list[_Calls] = [queue.SimpleQueue() for _ in range(threads)]
        self._idle = list(self._calls)
        self._stopping = False
        self._error: BaseException | None = None
        runs = [self._dispatch, *(partial(self._fetch, calls) for calls in self._calls)]
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"kinesis-{n}", daemon=True)
            for n, run in enumerate(runs)
        ]

    def start(self) -> None:
        """Begin to read."""
        for thread in self._threads:
            thread.start()

    def poll(self, timeout_s: float) -> list[Batch]:
        """Return batches that are ready, in order, of 8 MiB or a single answer; wait up to
        ``timeout_s`` for one.

        Empty when the time is over and after stop. Raises StreamReplaced if the stream was deleted
        and created again under its name while it was read.
        """
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while True:
                if self._stopping:
                    return []
                if self._error is not None:
                    raise self._error
                batches = self._schedule.drain_batches(_now(), _POLL_BYTES)
                left = deadline - time.monotonic()
                if batches:
                    self._changed.notify()
                if batches or left <= 0:
                    return batches
                self._ready.wait(left)

    def pause(self, shards: Iterable[str]) -> None:
        """Fetch nothing more from ``shards``; what is in flight or ready is still delivered."""
        with self._lock:
            self._schedule.pause(shards)

    def resume(self, shards: Iterable[str]) -> None:
        """Continue with ``shards``."""
        with self._lock:
            self._schedule.resume(shards)
            self._changed.notify()

    def expired(self) -> list[str]:
        """Return ended shards that the stream no longer has, each once: their positions can be
        dropped.
        """
        with self._lock:
            return self._schedule.expired()

    def shards(self) -> list[ShardView]:
        """Return all known shards, by id. May be called by any thread."""
        with self._lock:
            return self._schedule.views()

    def stop(self) -> None:
        """Stop within about a second, whether or not calls are in flight. Batches not taken are
        dropped.
        """
        with self._lock:
            self._stopping = True
            self._changed.notify()
            self._ready.notify()
        for calls in self._calls:
            calls.put(None)
        deadline = time.monotonic() + _STOP_WITHIN
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # the consumer's thread raises it
            with self._lock:
                self._error = self._error or error
                self._ready.notify()

    def _dispatch(self) -> None:
        with self._lock:
            while not self._stopping:
                call = self._schedule.next_call(_now()) if self._idle else None
                if call is not None:
                    self._idle.pop().put(call)
                    continue
                wake_at = self._schedule.wake_at() if self._idle else None
                self._changed.wait(None if wake_at is None else max(0, wake_at - _now()) / 1000)

    def _fetch(self, calls: _Calls) -> None:
        while (call := calls.get()) is not None:
            outcome = carry_out(call, self._api)
            with self._lock:
                if self._stopping:
                    return
                self._idle.append(calls)
                reader_events = self._schedule.completed(call, outcome, _now())
                self._changed.notify()
                self._ready.notify()
            for reader_event in reader_events:
                self._observer(reader_event)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
