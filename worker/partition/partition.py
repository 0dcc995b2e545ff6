"""The partition: folds deliveries into sessions, and lets time decide what they tell.

It does no I/O and knows no clock. Its owner brings deliveries (``fold``), says how far the
stream's shards have come (``advance``), and takes what has become of it with each ``commit``.
The order within one turn of the owner's loop is: fold what is known, recall strangers and fold
what is theirs, advance, commit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from worker.events.decode import Delivery, reason_of
from worker.events.envelope import Damaged, Ignored, SinkTest
from worker.events.event import KNOWN_NAMES, Event, SessionKey
from worker.metrics.catalogue import Hold
from worker.metrics.series import SeriesBook
from worker.partition.accounting import ACCOUNTED, account
from worker.partition.at_hand import AtHand, Strangers
from worker.partition.changes import Changes
from worker.partition.delta import Delta, Mark
from worker.partition.gathered import Gathered
from worker.partition.outputs import (
    CROWDED,
    EXPIRED,
    DeadLetter,
    Outputs,
    Packed,
    RecordLine,
    SetAside,
)
from worker.partition.rules import MINUTE, Rules
from worker.partition.stream_time import StreamTime
from worker.partition.telling import has_to_tell, has_told_all, summarise, summary_of, tell
from worker.partition.timing import Deadlines, due_before, releases
from worker.sessions.held import ARRIVALS, Arrival, Held
from worker.sessions.record import encode, to_record
from worker.sessions.session import Closed, CloseReason, Session

_FOREVER = 1 << 62

_LONG = 5_000
"""A session tells something each minute; one of n times so many events, every n + 1 minutes."""
_USUAL = frozenset(KNOWN_NAMES) - {"call_wrap_up"}
"""Names of which only the session takes notice."""


class Partition:
    """``restored``: the merge of all deltas committed so far. Not safe for threads."""

    def __init__(self, rules: Rules, restored: Delta | None = None) -> None:
        state = restored or Delta()
        self._rules = rules
        self._time = StreamTime(state.stream_time, state.clocks)
        self._changes = Changes()
        grown = self._changes.grown
        self._at_hand = AtHand(state.sessions, state.numbered, rules.max_held, grown)
        self._sessions = self._at_hand.by_key
        self._book = SeriesBook(rules.series, state.series)
        self.positions: dict[str, Mark] = dict(state.positions)
        self.counters: Counter[str] = Counter(dict.fromkeys(ACCOUNTED, 0))
        self.counters.update(state.counters)
        self._deadlines = Deadlines(rules)
        for held in self._sessions.values():
            self._deadlines.watch(held.state)
        self._ticked = state.stream_time
        self._gathered = Gathered(self._book)
        self._begin()

    def _begin(self) -> None:
        """Start the next commit."""
        self._committed = Counter(self.counters)
        self._ended: dict[str, None] = {}
        self._moved: dict[str, None] = {}
        self._out = Outputs()

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
    def held(self) -> int:
        """How many sessions are in memory."""
        return len(self._sessions)

    @property
    def spread(self) -> int:
        """How many of them have had events of more than one shard since they came to memory."""
        return self._at_hand.spread

    @property
    def has_outputs(self) -> bool:
        """Whether the next commit gives out anything."""
        out = self._out
        return any((self._gathered, out.records, out.dead_letters, out.test_ids, out.packed))

    def keys(self) -> list[SessionKey]:
        """The sessions in memory, in an order that doesn't depend on their arrival."""
        return self._at_hand.keys()

    # --- what the owner brings

    def fold(self, deliveries: Sequence[Delivery]) -> None:
        """Count each delivery and take in its event, if it is one; nobody has kept any session."""
        self.fold_strangers(self.fold_known(deliveries), {})

    def fold_strangers(self, strange: Strangers, recalled: Mapping[SessionKey, Packed]) -> None:
        """Fold what ``fold_known`` has left, now that its sessions are ``recalled`` as far as the
        owner has them; the others begin.
        """
        while strange:
            admitted: list[Delivery] = []
            for of_session in strange.values():
                admitted += self._admitted(of_session, recalled)
            strange = self.fold_known(admitted)  # some, if a session's first event was a defect

    def fold_known(self, deliveries: Sequence[Delivery]) -> Strangers:
        """Count each delivery and take in its event, if it is one; but leave those of strangers."""
        sessions, most = self._sessions, self._rules.max_events
        arrivals: dict[Arrival, int] = dict.fromkeys(ARRIVALS, 0)
        strange: Strangers = defaultdict(list)
        for delivery in deliveries:
            occurrence = delivery.occurrence
            if type(occurrence) is not Event:
                self._note(occurrence, delivery)
                continue
            held = sessions.get(occurrence.key)
            if held is None:
                strange[occurrence.key].append(delivery)
                continue
            if held.shard is not None and held.shard != delivery.shard:
                self._at_hand.came_from(held, delivery.shard)
            try:
                arrival = held.add(occurrence, most)
            except Exception as defect:
                self._give_up(held, defect, delivery)
                continue
            arrivals[arrival] += 1
            if arrival != "folded" or occurrence.name not in _USUAL or not held.open:
                self._unusual(held, occurrence, arrival)
        self._changes.gather()
        account(self.counters, len(deliveries) - sum(map(len, strange.values())), arrivals)
        return strange

    def move(self, shard: str, position: Mark) -> None:
        """All records of a shard up to that position have been folded, and so all that arrived
        before the time in it.
        """
        if position[2]:
            self._time.observe(shard, position[2])
        self.positions[shard] = position
        self._moved[shard] = None

    def tip(self, shard: str, instant: int) -> None:
        """A shard was read to its tip at that time (epoch ms, the server's)."""
        self._time.observe(shard, instant)
        self._moved[shard] = None

    def forget_shard(self, shard: str) -> None:
        """A shard has left the stream."""
        self._time.forget(shard)
        self.positions.pop(shard, None)
        self._ended[shard] = None
        self._moved.pop(shard, None)

    def advance(self, shards: Iterable[str]) -> None:
        """Let time go on as far as these shards, those that can still deliver, allow."""
        before = self._time.now
        now = self._time.advance(shards)
        if now is None or now == before:
            return
        if self._ticked is None:
            self._ticked = now
        for instant in releases(self._rules, self._ticked, now, lambda: bool(self._sessions)):
            self._close_due(instant)
            for hold, length in (
                (Hold.DIRECT, self._rules.hold_direct),
                (Hold.TURN, self._rules.hold_turn),
            ):
                if (instant - length) % self._rules.release_every == 0:
                    self._release(hold, instant)
        self._close_due(now)
        self._ticked = now

    def finish(self, keys: Iterable[SessionKey]) -> None:
        """The input has ended: these sessions close and tell everything."""
        for key in keys:
            held = self._sessions[key]
            with self._set_aside_if_it_fails(held):
                self._finish(held)

    def _finish(self, held: Held) -> None:
        state = held.state
        if state.closed is None:
            ending: CloseReason = "end_of_input" if state.wrap_up_arrival is None else "wrap_up"
            self._close(held, ending, self._time.now or state.last_arrival)
        self._tell(held, Hold.DIRECT, _FOREVER)
        self._tell_turns(held, _FOREVER)
        self._pack(held)

    # --- what the owner takes

    def commit(self) -> tuple[Delta, Outputs]:
        """What has changed since the last commit, and what it gives out."""
        delta = Delta(
            stream_time=self._time.now,
            ended_shards=list(self._ended),
            clocks={s: c for s, c in self._time.clocks.items() if s in self._moved},
            positions={s: self.positions[s] for s in self._moved if s in self.positions},
            numbered=self._at_hand.numbered,
            series=self._book.admitted_now,
            counters=dict(self.counters - self._committed),
        )
        self._changes.tell(delta)
        return delta, self.outputs()

    def outputs(self, *, publish: bool = True) -> Outputs:
        """What was given out since the last commit, if nobody keeps deltas; samples may wait."""
        self._changes.over()
        self._book.admitted_now = []
        outputs = self._out
        self._gathered.count()
        if publish:
            outputs.window = self._gathered.take()
        self._begin()
        return outputs

    # --- folding

    def _note(self, occurrence: Ignored | SinkTest | Damaged, delivery: Delivery) -> None:
        """An occurrence that is no event."""
        if isinstance(occurrence, Ignored):
            self.counters["ignored"] += 1
        elif isinstance(occurrence, SinkTest):
            self.counters["test_events"] += 1
            self._out.test_ids.append(occurrence.test_id)
        else:
            self._bury(occurrence.reason, delivery)

    def _admitted(
        self, events: list[Delivery], recalled: Mapping[SessionKey, Packed]
    ) -> list[Delivery]:
        """A session's events from the one on that has it in memory; those before are buried."""
        for n, delivery in enumerate(events):
            event = delivery.occurrence
            refusal = self._admit(event, recalled) if isinstance(event, Event) else None
            if refusal is None:
                return events[n:]
            self.counters["occurrences"] += 1
            self._bury(refusal, delivery)
        return []

    def _admit(self, event: Event, recalled: Mapping[SessionKey, Packed]) -> str | None:
        """Have the session of an event in memory, or say why that can't be."""
        key = event.key
        if self._at_hand.is_full:
            return CROWDED
        packed = self._out.packed.pop(key, None) or recalled.get(key)
        if packed is not None:
            self._changes.begins(self._at_hand.hold(packed.state, packed.log))
        elif self._expired(event):
            return EXPIRED
        else:
            self._open(event)
        return None

    def _give_up(self, held: Held, defect: Exception, delivery: Delivery) -> None:
        """Nothing of an event was taken in: it goes aside, and all others go on."""
        if held.state.count:
            self._changes.alters(held)
        else:
            self._unopen(held)
        self._bury(reason_of(defect), delivery)

    def _unusual(self, held: Held, event: Event, arrival: Arrival) -> None:
        """Something is to be noted of an event beyond its being counted."""
        if arrival != "folded":
            self._changes.alters(held)
        elif event.name == "call_wrap_up":
            self._deadlines.watch(held.state)
        elif event.name not in _USUAL:
            self.counters["unknown_events"] += 1
        if not held.open and (arrival == "folded" or arrival == "conflict"):
            self.counters["late_events"] += 1

    def _open(self, event: Event) -> None:
        state = Session(event.key, event.timestamp, last_arrival=event.arrival)
        self._changes.begins(self._at_hand.hold(state))
        self.counters["sessions_opened"] += 1
        self._deadlines.watch(state)

    def _unopen(self, held: Held) -> None:
        self._at_hand.let_go(held)
        self._changes.never_began(held)
        self.counters["sessions_opened"] -= 1

    def _expired(self, event: Event) -> bool:
        limit, now = self._rules.expire_after, self._time.now
        return limit is not None and now is not None and event.timestamp < now - limit

    def _bury(self, reason: str, delivery: Delivery) -> None:
        self.counters["dead_letters"] += 1
        self._out.dead_letters.append(DeadLetter(reason, delivery.place, delivery.data))

    # --- time

    def _close_due(self, instant: int) -> None:
        for due, held in self._deadlines.reached(instant, self._sessions):
            with self._set_aside_if_it_fails(held):
                self._close(held, "idle" if held.state.wrap_up_arrival is None else "wrap_up", due)
                held.keep_turns()  # to be told at the next release, as a rule
                held.forget_reading()

    def _close(self, held: Held, reason: CloseReason, instant: int) -> None:
        self._changes.alters(held)
        held.close(Closed(held.state.count, reason, instant))
        self.counters["sessions_closed"] += 1
        self._record(held)
        held.summary = summary_of(held.reading())

    def _record(self, held: Held) -> None:
        state = held.state
        state.recorded = state.count
        record = to_record(state, held.reading())
        self._out.records.append(RecordLine(state.key, state.revision, encode(record)))

    @contextmanager
    def _set_aside_if_it_fails(self, held: Held) -> Iterator[None]:
        """A session that the worker fails at is a defect; it goes aside, and all others go on."""
        try:
            yield
        except Exception as defect:
            key = held.state.key
            self._at_hand.let_go(held)
            self._changes.goes(held)
            self._out.packed.pop(key, None)
            self.counters["sessions_set_aside"] += 1
            arrival = held.state.last_arrival
            self._out.set_aside.append(SetAside(reason_of(defect), key, arrival, bytes(held.log)))

    # --- telling

    def _release(self, hold: Hold, instant: int) -> None:
        for held in list(self._sessions.values()):
            state = held.state
            if (instant // MINUTE) % (1 + state.count // _LONG):
                continue  # so that what a session costs in a minute is bounded
            before = due_before(self._rules, hold, state, instant)
            if state.closed is None and not has_to_tell(state, hold, before):
                continue
            with self._set_aside_if_it_fails(held):
                if hold is Hold.DIRECT:
                    self._tell(held, hold, before)
                else:
                    self._tell_turns(held, before)
                    self._pack(held)
                held.forget_reading()

    def _tell_turns(self, held: Held, before: int) -> None:
        self._tell(held, Hold.TURN, before)
        state = held.state
        if state.closed is None:
            return
        if state.recorded != state.count:
            self._changes.alters(held)
            self.counters["sessions_revised"] += 1
            self._record(held)
        if not state.summarised and state.newest < before:
            self._changes.alters(held)
            state.summarised = True
            summarise(held, self._gathered)

    def _tell(self, held: Held, hold: Hold, before: int) -> None:
        if has_to_tell(held.state, hold, before):
            self._changes.alters(held)
            retracted = tell(held, hold, before, self._gathered)
            self.counters["samples_retracted"] += retracted

    def _pack(self, held: Held) -> None:
        """Let a closed session go once it has told all that it had to tell."""
        state = held.state
        if has_told_all(state):
            self._at_hand.let_go(held)
            self._changes.goes(held)
            self._out.packed[state.key] = Packed(state, bytes(held.log))
