"""A partition that time passes over second by second."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.scenes import BASE, cloud_event
from worker.events.decode import decode
from worker.events.event import SessionKey
from worker.partition.commit_outputs import EvictedSession, Outputs, Waits
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.record import Record

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Live:
    """A partition driven by arrivals; times in ms since BASE."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.partition = Partition(rules or Rules())
        self.told: list[tuple[int, str, int, dict[int, int]]] = []
        self.records: list[tuple[int, dict[str, Any]]] = []
        self.letters: list[tuple[str, bytes]] = []
        self.archive: dict[SessionKey, EvictedSession] = {}
        self.waits: Waits = Counter()
        self.number = 0

    def arrive(
        self, now: int, at: int, name: str, payload: Any = None, n: int | None = None
    ) -> None:
        """An event of time ``at`` arrives at ``now``."""
        self.deliver(now, cloud_event(at, name, payload, self.number + 1 if n is None else n))

    def deliver(self, now: int, *data: bytes) -> None:
        """Records of these bytes arrive at ``now``."""
        self.until(now)
        self.number += 1
        records = [Record("s", str(self.number), BASE + now, one, "") for one in data]
        deliveries = [one for record in records for one in decode(record)]
        misses = self.partition.fold_resident(deliveries)
        loaded = {key: self.archive[key] for key in misses if key in self.archive}
        self.partition.fold_misses(misses, loaded)

    def until(self, now: int) -> None:
        """Let time go on, second by second so that it is known when something is emitted."""
        current = (self.partition.now or BASE) - BASE
        for second in range(current - current % SECOND + SECOND, now + 1, SECOND):
            self._tick(second)
        self._tick(now)

    def _tick(self, now: int) -> None:
        self.partition.tip("s", BASE + now)
        self.partition.advance(["s"])
        outputs = self.partition.commit()[1]
        self._note(now, outputs)

    def _note(self, now: int, outputs: Outputs) -> None:
        self.archive.update(outputs.evicted)
        self.waits.update(outputs.waits)
        self.letters += [(letter.reason, letter.data) for letter in outputs.dead_letters]
        self.records += [(now, json.loads(one.line)) for one in outputs.records]
        for (series, minute), distribution in outputs.window.items():
            if not series.dimensions:
                self.told.append((now, series.metric, minute - BASE, distribution))

    def when(self, metric: str) -> list[int]:
        """The times at which something of a metric was emitted."""
        return [now for now, name, _, _ in self.told if name == metric]


def turn(live: Live, start: int, delay: int = 0) -> None:
    """A turn of 800 ms begins then, each event delivered so late; ms since BASE."""
    for after, name in (
        (0, "end_of_customer_speech"),
        (0, "prompt_sent"),
        (600, "first_token_received"),
        (800, "start_of_agent_speech"),
    ):
        live.arrive(start + after + delay, start + after, name)
