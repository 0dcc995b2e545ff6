"""The long-running worker: one loop that reads, folds, advances stream time, and commits.

Everything that counts happens in this one thread; fetching, sending and compaction have their own
threads and meet it at the reader's queue and in the store. A crash at any point loses nothing: the
next start continues from the last commit, which holds positions, sessions and outbox together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from worker.outbox.sender import Sender
from worker.partition.commit_outputs import Outputs
from worker.partition.delta import Delta
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.service.hooks import WorkerEvents
from worker.service.letter_news import letter_news
from worker.service.ports import Clocks, Limits, WorkerStatus
from worker.service.shards import Shards, backpressure_share
from worker.sources.batch import DecodedBatch
from worker.sources.source import Source
from worker.state.compactor import Compactor
from worker.state.store import Backlog, Commit, Store
from worker.stream.position import Position

_WAIT_S: Final = 0.2

_FOLDED_AT_MOST: Final = 50_000
"""The records after which a commit is made, however little time has passed."""


class Service:
    """Combines a source, a partition, a store and a sender into one worker. ``partition`` and
    ``sender`` can be inspected from outside; only the service's own thread may change them.
    """

    def __init__(
        self,
        source: Source,
        partition: Partition,
        store: Store,
        sender: Sender,
        compactor: Compactor,
        rules: Rules,
        limits: Limits,
        events: WorkerEvents,
        clocks: Clocks,
    ) -> None:
        self._source = source
        self.partition: Final = partition
        self._store = store
        self.sender: Final = sender
        self._compactor = compactor
        self._rules = rules
        self._limits = limits
        self._events = events
        self._monotonic = clocks.monotonic
        self._now = clocks.now
        self._shards = Shards(partition, limits.max_shard_skew_ms)
        self._backlog = store.backlog()
        self._folded = 0
        self._commit_at = clocks.monotonic()

    def run(self, deadline: Callable[[], float | None]) -> Backlog:
        """Work until there is a ``deadline`` (by the monotonic clock), and shut down before it;
        return what could not be sent in time. Any error ends sending and reading at once.
        """
        try:
            self.start()
            while (end := deadline()) is None:
                self.turn(_WAIT_S)
        except BaseException:
            self.abandon()
            raise
        return self.finish(end)

    def start(self) -> None:
        """Begin to send, to compact and to read; call ``begin`` first."""
        self.sender.start()
        self._compactor.start()
        self._source.start()

    def finish(self, deadline: float) -> Backlog:
        """Stop reading, commit, and send what is left until ``deadline`` (by the monotonic clock);
        return what then still waits. Raises the error that ended the sender or the compactor, if
        any.
        """
        self._source.stop()
        self.commit()
        return self.drain(deadline)

    def drain(self, deadline: float) -> Backlog:
        """Send what is left as ``finish`` does, after the last commit, and release the store."""
        self.sender.stop(max(0.0, deadline - self._monotonic()))
        self._compactor.stop(max(0.0, deadline - self._monotonic()))
        self.raise_part_error()
        backlog = self._store.backlog()
        self._store.close()
        return backlog

    def abandon(self) -> None:
        """Stop at once, without a commit; also valid before ``start``. Nothing is sent any more,
        because another worker may own the state by now.
        """
        self.sender.stop(0.0)
        self._compactor.stop(0.0)
        self._source.stop()

    def release(self) -> None:
        """Stop at once as ``abandon`` does, and release the store, for a process that goes on."""
        self.abandon()
        self._store.close()

    def begin(self, positions: Mapping[str, Position]) -> None:
        """Commit the positions to begin at, before anything is read."""
        for shard, position in positions.items():
            self.partition.move(shard, position)
        self.commit()

    def turn(self, wait_s: float) -> None:
        """Run one turn of the loop. Raises the error that ended the sender or the compactor, if
        any.
        """
        self.take_in(wait_s)
        if self.commit_due:
            self.commit()
        self.raise_part_error()
        self._events.turn_ended(self.partition)

    def take_in(self, wait_s: float) -> None:
        """Fold what the source has ready, and advance stream time; wait up to ``wait_s`` for a
        batch.
        """
        for batch in self._source.poll(wait_s):
            self._fold(batch)
        for shard in self._source.expired_shards():
            self.partition.forget_shard(shard)
        self._advance()

    @property
    def commit_due(self) -> bool:
        """Whether it is time for a commit, or much has been folded since the last one."""
        return self._folded >= _FOLDED_AT_MOST or self._monotonic() >= self._commit_at

    def look_at_backlog(self) -> None:
        """Find out how much waits to be sent, between commits."""
        self._backlog = self._store.backlog()

    @property
    def waiting(self) -> int:
        """How many entries wait to be sent, as of the last look."""
        return self._backlog.entries

    @property
    def backpressure(self) -> float:
        """The share of time (0 to 1) in which reading is to pause, because the outbox is nearly
        full.
        """
        return backpressure_share(self._backlog.size, self._limits.outbox_bytes)

    def commit(self) -> None:
        """Make the changes durable, and wake the sender for new entries."""
        started = self._monotonic()
        delta, outputs = self.partition.commit()
        now = self.partition.now
        new_entries = self.sender.new_entries(outputs, self._now())
        self._store.append(
            Commit(
                delta,
                new_entries,
                list(outputs.evicted.values()),
                None if now is None else now - self._rules.keep_closed,
            )
        )
        self._backlog = self._store.backlog()
        self._source.committed(delta.positions)
        if new_entries:
            self.sender.wake()
        self._folded = 0
        self._commit_at = self._monotonic() + self._limits.commit_every_s
        for test_id in outputs.test_ids:
            self._events.test_event(test_id)
        self._events.progress(self._progress(self._monotonic() - started, delta, outputs))

    def _fold(self, batch: DecodedBatch) -> None:
        partition, shard = self.partition, batch.shard
        if batch.gap:
            partition.gap()
            self._events.gap(shard)
        if misses := partition.fold_resident(batch.deliveries):
            partition.fold_misses(misses, self._store.load_sessions(misses))
        if batch.clock is not None:
            partition.tip(shard, batch.clock)
        partition.move(shard, batch.position)
        for child, position in batch.children.items():
            partition.move(child, position)
        self._shards.answered(shard, batch.millis_behind, self._monotonic())
        self._folded += batch.records

    def _advance(self) -> None:
        self.partition.advance(self._shards.live())
        paused, resumed = self._shards.turn(self.backpressure, self._monotonic())
        self._source.pause(paused)
        self._source.resume(resumed)

    def _progress(self, commit_s: float, delta: Delta, outputs: Outputs) -> WorkerStatus:
        return WorkerStatus(
            stream_time=self.partition.now,
            sessions=self.partition.resident,
            cross_shard=self.partition.cross_shard,
            counters=dict(self.partition.counters),
            backlog=self._backlog,
            backpressure=self.backpressure,
            shards=self._shards.progress(self._monotonic()),
            state_size=self._store.size(),
            commit_s=commit_s,
            window=outputs.window,
            waits=outputs.waits,
            found_sparse=self.partition.found_sparse,
            records=outputs.records,
            letters=letter_news(outputs.dead_letters, outputs.quarantined),
            totals=outputs.totals,
            admitted=delta.series,
        )

    def raise_part_error(self) -> None:
        """Raise the error that ended the sender or the compactor, if any."""
        for part in (self.sender, self._compactor):
            if part.error is not None:
                raise part.error
