"""The partition: folds deliveries into sessions, and decides by stream time what they emit.

The partition does no I/O and reads no clock. Its owner brings deliveries (``fold``), says how far
the stream's shards have come (``advance``), and takes the results with each ``commit``. One turn of
the owner's loop does in this order: fold events of resident sessions, load the misses from the
store and fold theirs, advance, commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from worker.events.decode import Delivery
from worker.events.event import SessionKey
from worker.metrics.totals import Totals
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.delta import Delta
from worker.partition.folding import Folding, Misses
from worker.partition.lifecycle import Lifecycle
from worker.partition.numbering import Numbering
from worker.partition.pending_commit import PendingCommit
from worker.partition.revisions import LastRevisions
from worker.partition.rules import Rules
from worker.partition.running_totals import RunningTotals
from worker.partition.series_registry import SeriesBook
from worker.partition.session_table import SessionTable
from worker.partition.stream_time import StreamTime
from worker.partition.timers import CloseTimers
from worker.stream.position import Position


class Partition:
    """The unit of consistency. ``restored``: the merge of all deltas committed so far. Not
    thread-safe.
    """

    def __init__(self, rules: Rules, restored: Delta | None = None) -> None:
        state = restored or Delta()
        self._time = StreamTime(state.stream_time, state.clocks)
        self._sessions = SessionTable(state.sessions, state.numbered, rules.max_held)
        self._book = SeriesBook(rules.series, state.series)
        self._pending = PendingCommit(state.counters, self._book, rules)
        self._numbering = Numbering(rules.sequence_numbers, found_sparse=state.found_sparse)
        self._revisions = LastRevisions(state.revisions)
        self._totals = RunningTotals(kept=rules.totals, restored=state.totals)
        timers = CloseTimers(rules, self._numbering)
        for resident in self._sessions.by_key.values():
            timers.schedule(resident)
        parts = rules, self._time, self._sessions, timers, self._pending
        self._folding = Folding(*parts, self._revisions, frozenset(state.erased))
        self._lifecycle = Lifecycle(*parts, self._numbering, self._revisions)
        self.positions: dict[str, Position] = dict(state.positions)
        self._ended: dict[str, None] = {}
        self._moved: dict[str, None] = {}

    # --- what the owner reads

    @property
    def now(self) -> int | None:
        """Stream time in epoch ms."""
        return self._time.now

    @property
    def time(self) -> StreamTime:
        """The shards' clocks."""
        return self._time

    @property
    def counters(self) -> Counter[str]:
        """All counters since the first commit: those of the accounting law, and others."""
        return self._pending.counters

    @property
    def resident(self) -> int:
        """How many sessions are in memory."""
        return len(self._sessions.by_key)

    @property
    def cross_shard(self) -> int:
        """How many resident sessions have had events from more than one shard since they were
        admitted.
        """
        return self._sessions.cross_shard

    @property
    def contiguous(self) -> bool:
        """Whether an absent sequence number is taken for a missing event."""
        return self._numbering.contiguous

    @property
    def found_sparse(self) -> bool:
        """Whether the stream's sequence numbers have been found not to be contiguous."""
        return self._numbering.found_sparse

    @property
    def has_outputs(self) -> bool:
        """Whether the next commit has any outputs."""
        return bool(self._pending)

    def keys(self) -> list[SessionKey]:
        """Return the resident sessions by their oldest event, whatever the order of arrivals:
        neighbours emit samples of the same minutes, which costs less than alternating between
        minutes.
        """
        return self._sessions.keys()

    def resident_keys(self) -> list[SessionKey]:
        """Return the resident sessions in no order, in little time."""
        return list(self._sessions.by_key)

    def find(self, key: SessionKey) -> EvictedSession | None:
        """Return a resident session as it stands; its state and log go on changing. None if it
        isn't in memory.
        """
        resident = self._sessions.by_key.get(key)
        return None if resident is None else EvictedSession(resident.state, bytes(resident.log))

    # --- what the owner brings

    def fold(self, deliveries: Sequence[Delivery]) -> None:
        """Count each delivery and fold its event, if it is one, when no session is stored
        anywhere.
        """
        self.fold_misses(self.fold_resident(deliveries), {})

    def fold_resident(self, deliveries: Sequence[Delivery]) -> Misses:
        """Count each delivery and fold its event, if it is one. Return the events of sessions that
        aren't in memory, uncounted.
        """
        return self._folding.known(deliveries)

    def fold_misses(self, misses: Misses, loaded: Mapping[SessionKey, EvictedSession]) -> None:
        """Fold the events that ``fold_resident`` left, now that their sessions are ``loaded`` as
        far as the owner has stored them; the other sessions begin.
        """
        self._folding.misses(misses, loaded)

    def move(self, shard: str, position: Position) -> None:
        """Note that all records of a shard up to ``position`` have been folded, and so all that
        arrived before the time in it. A carrier has no clock.
        """
        if position.seen_to and not position.is_carrier:
            self._time.observe(shard, position.seen_to)
        self.positions[shard] = position
        self._moved[shard] = None

    def tip(self, shard: str, instant: int) -> None:
        """Note that a shard was read to its tip at ``instant`` (epoch ms, the server's)."""
        self._time.observe(shard, instant)
        self._moved[shard] = None

    def gap(self) -> None:
        """Count a gap: records of a shard may have been trimmed before they were read."""
        self._pending.counters["input_gaps"] += 1

    def forget_shard(self, shard: str) -> None:
        """Forget a shard that has left the stream."""
        self._time.forget(shard)
        self.positions.pop(shard, None)
        self._ended[shard] = None
        self._moved.pop(shard, None)

    def advance(self, shards: Iterable[str]) -> None:
        """Advance stream time as far as ``shards``, those that can still deliver, allow."""
        before = self._time.now
        now = self._time.advance(shards)
        if now is not None and now != before:
            self._lifecycle.advance(now)

    def judge_numbers(self) -> None:
        """Decide for good, by all resident sessions, whether the stream's numbers are
        contiguous.
        """
        sessions = self._sessions.by_key.values()
        contiguous = 0
        for resident in sessions:
            contiguous += not resident.is_sparse()
            if 2 * contiguous >= len(sessions):
                break  # the other sessions can't change the majority
        self._numbering.decide(len(sessions), len(sessions) - contiguous)

    def finish(self, keys: Iterable[SessionKey]) -> None:
        """Close these sessions and emit all their samples, because the input has ended."""
        self._lifecycle.finish(keys)

    # --- what the owner takes

    def commit(self) -> tuple[Delta, Outputs]:
        """Return the changes since the last commit, and their outputs."""
        delta = Delta(
            stream_time=self._time.now,
            ended_shards=list(self._ended),
            clocks={s: c for s, c in self._time.clocks.items() if s in self._moved},
            positions={s: self.positions[s] for s in self._moved if s in self.positions},
            numbered=self._sessions.numbered,
            series=self._book.drain_admitted(),
            counters=self._pending.counted(),
            found_sparse=self._numbering.found_sparse,
            revisions=self._revisions.drain(),
        )
        self._sessions.changes.write_to(delta)
        outputs, delta.totals = self._drain(publish=True)
        return delta, outputs

    def outputs(self, *, publish: bool = True) -> Outputs:
        """Drain the outputs since the last commit, for an owner that keeps no deltas. Samples stay
        unless ``publish``.
        """
        return self._drain(publish=publish)[0]

    def _drain(self, *, publish: bool) -> tuple[Outputs, Totals | None]:
        """The outputs, and what they add to the totals."""
        self._sessions.changes.reset()
        self._revisions.drain()
        self._book.drain_admitted()
        self._ended.clear()
        self._moved.clear()
        outputs = self._pending.drain(publish=publish)
        added = self._totals.add(outputs.window, self.now)
        outputs.totals = self._totals.now
        return outputs, added
