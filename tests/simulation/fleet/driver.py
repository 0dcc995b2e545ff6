"""Who moves the tasks of a fleet: one thread, one task and step at a time, time included."""

from __future__ import annotations

import traceback
from pathlib import Path
from random import Random
from typing import Final

from tests.simulation.faults import INJECTED, Crashed
from tests.simulation.fleet.tasks import FleetWorker
from tests.simulation.fleet.world import FleetWorld
from tests.simulation.plan import Crash, Point, Stall, StandStill, Steal
from worker.errors import Fenced, Misconfigured
from worker.fleet.layout import Layout

_STEP: Final = 200, 5000  # ms
_LONGEST_STEP: Final = 60_000
_REST_STEPS: Final = 1500
_STOPS: Final = 0.01
_TIMED: Final = StandStill, Stall


class FleetDriver:
    """Runs one plan in its world, with tasks of ``worker``; states that are files lie in
    ``folder``.
    """

    def __init__(
        self, world: FleetWorld, folder: Path, worker: type[FleetWorker] = FleetWorker
    ) -> None:
        self.world = world
        self.layout = Layout(
            source="calls, created when the simulation began",
            keyed="keyed, created when the simulation began",
            buckets=world.plan.buckets,
            start="trim_horizon" if world.plan.start == "latest" else world.plan.start,
        )
        self._folder = folder
        self._worker = worker
        self._random = Random(f"{world.plan.seed}:driver")
        self._tasks: list[FleetWorker] = []
        self._all: list[FleetWorker] = []
        self._standing: list[tuple[int, FleetWorker]] = []
        self._up_at = 0
        self._steps = 0
        start = world.plan.traffic.start_ms
        self._at_times = sorted(
            ((start + one.at, one) for one in world.plan.faults if isinstance(one, _TIMED)),
            key=lambda timed: timed[0],
        )

    def run(self) -> None:
        """All of it: the disturbed part, then rest without faults; or up to the first law that is
        broken.
        """
        while self.world.next_record() is not None or self._at_times:
            self.step()
            if self.world.broken:
                return
        self.world.say("from here on without faults")
        self.world.faults.ended = True
        self._up_at = 0
        for _ in range(_REST_STEPS):
            self.step()
            if self._at_rest() or self.world.broken:
                return
        self.world.breaks("it never comes to rest")

    def stop(self) -> None:
        """Let go of all tasks."""
        for task in self._all:
            task.close()

    def step(self) -> None:
        """Let a moment go by; then each task that is up does what is due."""
        self._steps += 1
        self.world.pass_time(self._moment())
        self._disturb()
        for until, task in [*self._standing]:
            if until <= self._steps:
                self._standing.remove((until, task))
                self.world.say(f"{task.name} goes on")
                task.busy = False
        if len(self._tasks) < self.world.plan.tasks and self.world.now >= self._up_at:
            self._boot()
        for task in self._random.sample(self._tasks, len(self._tasks)):
            if not task.busy and task in self._tasks:
                self._work(task)

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
            elif idle := [one for one in self._tasks if not one.busy]:
                task = self._random.choice(idle)
                self.world.say(f"{task.name} stands still")
                task.busy = True
                self._lose_leases(task.name)
                self._standing.append((self._steps + fault.steps, task))

    def _boot(self) -> None:
        name = f"task-{len(self._all) + 1}"
        self.world.say(f"{name} starts")
        task = self._worker(name, self.world, self.layout, self._folder, self._pass)
        self._all.append(task)
        self._tasks.append(task)

    def _work(self, task: FleetWorker) -> None:
        task.busy = True
        try:
            if not self.world.faults.ended and self._random.random() < _STOPS:
                self.world.say(f"{task.name} is told to end")
                task.stop()
                self._end(task, None)
            else:
                task.step(rude=not self.world.faults.ended)
        except (Crashed, Fenced) as end:
            self._end(task, end)
        except Exception as error:
            if isinstance(error, Misconfigured) and INJECTED in str(error):
                # a router can't describe the stream, which is the operator's to mend
                self._end(task, error)
                return
            self.world.say(traceback.format_exc())
            self.world.breaks(f"{task.name} raised {error!r}")
            self._end(task, error)
        finally:
            task.busy = False

    def _end(self, task: FleetWorker, end: BaseException | None) -> None:
        self.world.say(f"{task.name} ended: {type(end).__name__}")
        task.close()
        self._tasks.remove(task)
        self._lose_leases(task.name)

    def _lose_leases(self, name: str) -> None:
        self.world.router_leases.lose(name)
        self.world.keyed_leases.lose(name)

    # --- interruptions

    def _pass(self, name: str, point: Point) -> None:
        fault = self.world.faults.at(point)
        if fault is None:
            return
        if isinstance(fault, Crash):
            self.world.say(f"{name} crashes at {point}")
            self._up_at = self.world.now + fault.down_ms
            raise Crashed
        self._lose_leases(name)
        if isinstance(fault, Steal):
            self.world.say(f"{name} loses its leases at {point}")
            return
        self.world.say(f"{name} stands still at {point}")
        self._up_at = 0
        for _ in range(fault.steps):
            self.step()
        self.world.say(f"{name} goes on from {point}")

    def _at_rest(self) -> bool:
        """Whether everything was read, told, committed and sent, and each bucket is served."""
        if self._standing or len(self._tasks) < self.world.plan.tasks or self.world.awaits:
            return False
        held = sorted(one.number for task in self._tasks for one in task.buckets)
        return held == list(range(self.layout.buckets)) and all(
            task.at_rest() for task in self._tasks
        )
