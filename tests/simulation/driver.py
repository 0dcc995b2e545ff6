"""Who moves the workers of a run: one thread, one step at a time, time included."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from tests.simulation.faults import Crashed
from tests.simulation.plan import Crash, Point, Stall, StandStill, TakeOver
from tests.simulation.watched import Watch, WatchedStore
from tests.simulation.workers import Worker, build
from tests.simulation.world import World
from worker.errors import Fenced
from worker.outbox.entries import EntryKind
from worker.outbox.lane import CLAIM, Lane
from worker.state.store import Store

OpenStore = Callable[[Watch], Store]

_STEP: Final = 200, 5000  # ms
_LONGEST_STEP: Final = 60_000
_REST_STEPS: Final = 1500

_SENDS: Final = 0.6
_COMPACTS: Final = 0.05
_STOPS: Final = 0.02
"""Shares of a worker's steps."""

_TIMED: Final = (StandStill, Stall)


class Stopped(Exception):
    """The end, in good order."""


class Driver:
    """Runs one plan in its world. ``open_store`` opens the same state again and again."""

    def __init__(self, world: World, open_store: OpenStore) -> None:
        self.world = world
        self.active: Worker | None = None
        self._open_store = open_store
        self._random = Random(f"{world.plan.seed}:driver")
        self._stops = Random(f"{world.plan.seed}:stops")
        self._slowness = self._random.choice((0.0, 0.3))
        self._made = 0
        self._up_at = 0
        self._send_at: dict[tuple[str, EntryKind], float] = {}
        self._standing: list[tuple[int, Worker]] = []
        self._steps = 0
        start = world.plan.traffic.start_ms
        self._at_times = sorted(
            ((start + one.at, one) for one in world.plan.faults if isinstance(one, _TIMED)),
            key=lambda timed: timed[0],
        )

    def run(self) -> None:
        """All of it: the disturbed part, then rest without faults."""
        while self.world.next_record() is not None or self._at_times:
            self.step()
        self.world.say("from here on without faults")
        self.world.faults.ended = True
        self._up_at = 0
        for _ in range(_REST_STEPS):
            self.step()
            if self._at_rest():
                return
        self.world.breaks("it never comes to rest")

    def stop(self) -> None:
        """Let go of all workers."""
        for worker in (self.active, *(worker for _, worker in self._standing)):
            if worker is not None:
                worker.store.close()

    def step(self) -> None:
        """Let a moment go by; then each worker that is up does what is due."""
        self._steps += 1
        self.world.pass_time(self._moment())
        self._disturb()
        due = [worker for until, worker in self._standing if until <= self._steps]
        self._standing = [one for one in self._standing if one[1] not in due]
        for worker in due:
            self._wake(worker)
        if self.active is None and self.world.now >= self._up_at:
            self._boot()
        elif self.active is not None:
            self._work(self.active)

    def _moment(self) -> int:
        coming = self.world.next_record()
        usual = int(self._random.uniform(*_STEP))
        quiet = _LONGEST_STEP if coming is None else coming - self.world.now
        return min(max(usual, quiet), _LONGEST_STEP)

    def _disturb(self) -> None:
        while self._at_times and self._at_times[0][0] <= self.world.now:
            fault = self._at_times.pop(0)[1]
            if isinstance(fault, Stall):
                self.world.say(f"nothing moves for {fault.length} ms")
                self.world.pass_time(fault.length)
            elif self.active is not None:
                self.world.say(f"{self.active.name} stands still")
                self._put_aside(self.active, fault.steps)
                self.active = None
                self._up_at = 0

    # --- one worker

    def _boot(self) -> None:
        self._made += 1
        name = f"worker-{self._made}"
        self.world.say(f"{name} starts")
        store: Store | None = None
        try:
            watch = self._watch(name)
            store = WatchedStore(self._open_store(watch), watch)
            worker = build(self.world, store, watch, self._slowness)
        except (Crashed, Fenced) as end:
            self.world.say(f"{name} ended while it started: {type(end).__name__}")
            if store is not None:
                store.close()
            return
        if self.active is not None:  # came up while this one stood still on its way
            self._put_aside(self.active, 1)
        self.active = worker

    def _put_aside(self, worker: Worker, steps: int) -> None:
        self._standing.append((self._steps + steps, worker))

    def _work(self, worker: Worker) -> None:
        if self._stops.random() < _STOPS and not self.world.faults.ended:
            self._stop_in_order(worker)
            return
        try:
            worker.service.turn(0.0)
            for lane in worker.sender.lanes:
                if self._random.random() < _SENDS and self._may_send(worker, lane):
                    lane.send_some()
                    pause = lane.pause_s() * 1000
                    self._send_at[worker.name, lane.kind] = self.world.now + pause
            if self._random.random() < _COMPACTS:
                worker.store.compact()
        except (Crashed, Fenced) as end:
            self._end(worker, end)

    def _stop_in_order(self, worker: Worker) -> None:
        """As it is when told to: what was claimed and may not be begun any more waits again."""
        self.world.say(f"{worker.name} is told to end")
        try:
            worker.service.commit()
            for lane in worker.sender.lanes:
                lane.send_some(lambda: self._stops.randrange(CLAIM))
        except (Crashed, Fenced) as end:
            self._end(worker, end)
        else:
            self._end(worker, Stopped())

    def _may_send(self, worker: Worker, lane: Lane) -> bool:
        return self.world.now >= self._send_at.get((worker.name, lane.kind), 0)

    def _wake(self, worker: Worker) -> None:
        """A worker that others have overtaken goes on; its first write must tell it so."""
        self.world.say(f"{worker.name} goes on")
        sends = [lane.send_some for lane in worker.sender.lanes]
        act = self._random.choice((worker.service.commit, self._random.choice(sends)))
        try:
            worker.service.turn(0.0)
            act()
        except (Crashed, Fenced) as end:
            self._end(worker, end)
        else:
            if self.world.ledger.owner != worker.name:
                self.world.breaks(f"law 4: {worker.name} was overtaken and didn't learn of it")
            self._end(worker, Crashed())

    def _end(self, worker: Worker, end: BaseException) -> None:
        self.world.say(f"{worker.name} ended: {type(end).__name__}")
        worker.store.close()
        if self.active is worker:
            self.active = None

    # --- interruptions

    def _watch(self, name: str) -> Watch:
        def pass_point(point: Point) -> None:
            self._pass(name, point)

        return Watch(
            name, self.world.ledger, pass_point, lambda text: self.world.say(f"{name} {text}")
        )

    def _pass(self, name: str, point: Point) -> None:
        fault = self.world.faults.at(point)
        if isinstance(fault, Crash):
            self.world.say(f"{name} crashes at {point}")
            self._up_at = self.world.now + fault.down_ms
            raise Crashed
        if isinstance(fault, TakeOver):
            self.world.say(f"{name} stands still at {point}")
            self._let_others_work(name, fault.steps)
            self.world.say(f"{name} goes on from {point}")

    def _let_others_work(self, name: str, steps: int) -> None:
        stood, self.active = self.active, None
        if stood is not None and stood.name != name:
            self._put_aside(stood, steps)
            stood = None
        self._up_at = 0
        for _ in range(steps):
            self.step()
        if self.active is None:
            self.active = stood

    def _at_rest(self) -> bool:
        """Whether everything was read, told, committed and sent."""
        worker = self.active
        if worker is None or self._standing or worker.partition.resident:
            return False
        now = worker.partition.now
        if now is None or (self.world.put and now <= self.world.put[-1].arrival):
            return False
        worker.service.commit()
        return not worker.store.backlog().entries
