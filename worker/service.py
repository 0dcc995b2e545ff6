"""The long-running worker: one loop that reads, folds, lets time go on, and commits.

Everything that counts happens in this one thread; fetching, sending and compaction have their
own and meet it at the reader's queue and in the store. A crash at any point costs nothing: the
next start goes on from the last commit, which holds positions, sessions and outbox together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from worker.emit.outbox import drafts
from worker.emit.sender import Sender
from worker.intake.intake import Intake
from worker.partition.outputs import Window
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.state.compactor import Compactor
from worker.state.store import Backlog, Commit, Store
from worker.stream.lineage import Position

_WAIT_S: Final = 0.2
_SLOW_FROM: Final = 0.5
_REST_FROM: Final = 0.9
"""How full the outbox may be before reading slows, and before it rests."""

_REST_PERIOD_S: Final = 2.0
_FOLDED_AT_MOST: Final = 50_000
"""Records folded before a commit is made, however little time has passed."""

_ANSWERS_WITHIN_S: Final = 60.0
"""A shard that says nothing for longer is falling behind, whatever it said last."""


class Source(Protocol):
    """Where batches come from, decoded. Its methods are for the service's thread."""

    def start(self) -> None:
        """Begin to fetch."""
        ...

    def take(self, timeout_s: float) -> Iterable[Intake]:
        """What has been fetched, waiting up to ``timeout_s`` for something."""
        ...

    def pause(self, shards: Iterable[str]) -> None:
        """Fetch nothing more of these shards."""
        ...

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with these shards."""
        ...

    def forgotten(self) -> list[str]:
        """Ended shards that have left the stream, each told once."""
        ...

    def stop(self) -> None:
        """End all fetching, soon."""
        ...


class Observer(Protocol):
    """Who is told what the service does."""

    def test_event(self, test_id: str) -> None:
        """The sink's test event came."""
        ...

    def gap(self, shard: str) -> None:
        """Records of a shard may have been trimmed before they were read."""
        ...

    def progress(self, progress: Progress) -> None:
        """Told after each commit."""
        ...


class ShardProgress(NamedTuple):
    """A shard that is not read to its end. ``behind_ms``: behind its tip, by its last answer, and
    the time since then if that is long; ``clock``: how far it has come (epoch ms); both None before
    anything was read of it.
    """

    behind_ms: int | None
    clock: int | None
    paused: bool


class Progress(NamedTuple):
    """How the service does. ``behind_ms``: of the shard furthest behind its tip. ``rest``: the
    share of time in which nothing is read, because the outbox is so full. ``window``: what the
    commit gave out to be sent; ``state_size``: bytes. ``spread``: how many of the sessions in
    memory have had events of more than one shard.
    """

    stream_time: int | None
    behind_ms: int
    sessions: int
    spread: int
    counters: dict[str, int]
    backlog: Backlog
    rest: float
    shards: dict[str, ShardProgress]
    state_size: int
    commit_s: float
    window: Window


class Limits(NamedTuple):
    """``commit_every_s``: by the monotonic clock. ``shard_lead_ms``: of stream time.
    ``outbox_bytes``: reading slows from half of it on and rests from nine tenths on.
    """

    commit_every_s: float
    shard_lead_ms: int
    outbox_bytes: int


class Clocks(NamedTuple):
    """``monotonic`` gives seconds, ``now`` epoch ms."""

    monotonic: Callable[[], float]
    now: Callable[[], int]


class Service:
    """Wires a source, a partition, a store and a sender into one worker."""

    def __init__(
        self,
        source: Source,
        partition: Partition,
        store: Store,
        sender: Sender,
        compactor: Compactor,
        rules: Rules,
        limits: Limits,
        observer: Observer,
        clocks: Clocks,
    ) -> None:
        self._source = source
        self._partition = partition
        self._store = store
        self._sender = sender
        self._compactor = compactor
        self._rules = rules
        self._limits = limits
        self._observer = observer
        self._monotonic = clocks.monotonic
        self._now = clocks.now
        self._behind: dict[str, tuple[int | None, float]] = {}
        self._paused: set[str] = set()
        self._backlog = store.backlog()
        self._folded = 0
        self._commit_at = clocks.monotonic()

    def run(self, deadline: Callable[[], float | None]) -> Backlog:
        """Work until there is a ``deadline`` (by the monotonic clock), and shut down before it;
        what could not be sent in time stays. Whatever is raised ends sending and reading at once.
        """
        self._sender.start()
        self._compactor.start()
        self._source.start()
        try:
            while (end := deadline()) is None:
                self.turn(_WAIT_S)
        except BaseException:
            # nothing may leave any more, least of all if another worker has the state by now
            self._sender.stop(0.0)
            self._compactor.stop(0.0)
            raise
        finally:
            self._source.stop()
        return self._shut_down(end)

    def begin(self, positions: Mapping[str, Position]) -> None:
        """Commit where to begin, before anything is read."""
        for shard, position in positions.items():
            self._move(shard, position)
        self.commit()

    def turn(self, wait_s: float) -> None:
        """One turn of the loop. Raises what ended the sender or the compactor, if one has."""
        for intake in self._source.take(wait_s):
            self._fold(intake)
        for shard in self._source.forgotten():
            self._partition.forget_shard(shard)
        self._let_time_go_on()
        if self._folded >= _FOLDED_AT_MOST or self._monotonic() >= self._commit_at:
            self.commit()
        self._raise_what_ended_a_part()

    def commit(self) -> None:
        """Make durable what has happened, and let the sender have what has to leave."""
        begun = self._monotonic()
        delta, outputs = self._partition.commit()
        now = self._partition.now
        made = drafts(outputs, self._now())
        self._store.append(
            Commit(
                delta,
                made,
                list(outputs.packed.values()),
                None if now is None else now - self._rules.keep_closed,
            )
        )
        self._backlog = self._store.backlog()
        if made:
            self._sender.wake()
        self._folded = 0
        self._commit_at = self._monotonic() + self._limits.commit_every_s
        for test_id in outputs.test_ids:
            self._observer.test_event(test_id)
        self._observer.progress(self._progress(self._monotonic() - begun, outputs.window))

    def _fold(self, intake: Intake) -> None:
        partition, shard = self._partition, intake.shard
        if intake.gap:
            partition.counters["input_gaps"] += 1
            self._observer.gap(shard)
        if strange := partition.fold_known(intake.deliveries):
            partition.fold_strangers(strange, self._store.recall(strange))
        if intake.clock is not None:
            partition.tip(shard, intake.clock)
        self._move(shard, intake.position)
        for child, position in intake.children.items():
            self._move(child, position)
        self._behind[shard] = (intake.millis_behind, self._monotonic())
        if intake.ended:
            del self._behind[shard]
        self._folded += intake.records

    def _move(self, shard: str, position: Position) -> None:
        self._partition.move(shard, (position.kind, position.value, position.seen_to))

    def _let_time_go_on(self) -> None:
        live = self._live()
        self._partition.advance(live)
        resting = self._monotonic() % _REST_PERIOD_S < _REST_PERIOD_S * self._rest()
        paused = set(live) if resting else self._running_ahead(live)
        self._source.pause(paused - self._paused)
        self._source.resume(self._paused - paused)
        self._paused = paused

    def _rest(self) -> float:
        """The share of time (0 to 1) in which nothing is read, so that the outbox stays within
        its limit while a sink is away.
        """
        filled = self._backlog.size / self._limits.outbox_bytes
        return min(1.0, max(0.0, (filled - _SLOW_FROM) / (_REST_FROM - _SLOW_FROM)))

    def _live(self) -> list[str]:
        """The shards that can still deliver."""
        positions = self._partition.positions
        return [shard for shard, position in positions.items() if position[0] != "ended"]

    def _running_ahead(self, live: list[str]) -> set[str]:
        """The shards to pause. None while a shard of which nothing was read holds time back: it
        may be waiting for the end of one that runs ahead.
        """
        time = self._partition.time
        behind = time.behind(live)
        if behind is None or self._partition.positions[behind][0] != "after":
            return set()
        return time.ahead(live, self._limits.shard_lead_ms)

    def _behind_ms(self, shard: str) -> int | None:
        told, at = self._behind.setdefault(shard, (None, self._monotonic()))
        silent_s = self._monotonic() - at
        return told if silent_s <= _ANSWERS_WITHIN_S else (told or 0) + int(1000 * silent_s)

    def _progress(self, commit_s: float, window: Window) -> Progress:
        clocks = self._partition.time.clocks
        behind = {shard: self._behind_ms(shard) for shard in self._live()}
        return Progress(
            self._partition.now,
            max((one for one in behind.values() if one is not None), default=0),
            self._partition.held,
            self._partition.spread,
            dict(self._partition.counters),
            self._backlog,
            self._rest(),
            {
                shard: ShardProgress(behind_ms, clocks.get(shard), shard in self._paused)
                for shard, behind_ms in behind.items()
            },
            self._store.size(),
            commit_s,
            window,
        )

    def _raise_what_ended_a_part(self) -> None:
        for part in (self._sender, self._compactor):
            if part.error is not None:
                raise part.error

    def _shut_down(self, deadline: float) -> Backlog:
        self.commit()
        self._sender.stop(max(0.0, deadline - self._monotonic()))
        self._compactor.stop(max(0.0, deadline - self._monotonic()))
        self._raise_what_ended_a_part()
        backlog = self._store.backlog()
        self._store.close()
        return backlog
