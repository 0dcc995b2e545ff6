"""An engine from outside the worker: records are pushed to it, and it acknowledges what is durable.

It stands for a consumer library that keeps checkpoints of its own. No module of the worker knows
of it, and what comes out is what a replay of the same records has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from tests.live import but_for_the_close, last_revisions
from tests.outbox.outboxes import FORMATS
from worker.destinations.lines import RECORD_KIND, RECORD_LINES
from worker.events.decode import decode_all
from worker.outbox.destination import Destination
from worker.outbox.entries import DeliveryOutcome
from worker.outbox.sender import LanePools
from worker.partition.accounting import ACCOUNTED
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import Replay, run_replay
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits
from worker.service.service import Service
from worker.sources.batch import DecodedBatch
from worker.sources.source import Engine, Opening, Source
from worker.state.compactor import compaction_pool
from worker.state.sqlite.store import SqliteStore
from worker.stream.position import HEAD, Position
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records
from worker.wiring import SharedParts, partition_of

DAY: Final = 86_400_000
AT_ONCE: Final = 40
TRAFFIC: Final = Traffic(
    sessions=20,
    shards=2,
    start_ms=1_790_942_400_000,
    spread_s=120,
    delay_median_s=0,
    malformed=0.01,
    aggregates=0.05,
)


class PushedEngine:
    """Has all records of a stream; ``acknowledged``: the checkpoints that its library keeps."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.shards: dict[str, list[Record]] = {}
        for record in records:
            self.shards.setdefault(record.shard, []).append(record)
        self.acknowledged: dict[str, Position] = {}

    @property
    def identity(self) -> str:
        return "a list of records"

    def open(self, stored: Mapping[str, Position]) -> Opening:
        positions = stored or dict.fromkeys(self.shards, HEAD)
        return Opening(PushedSource(self, positions), positions)


class PushedSource:
    """Is pushed some records of each shard between two polls, and time once there are no more."""

    def __init__(self, engine: PushedEngine, positions: Mapping[str, Position]) -> None:
        self._engine = engine
        self._next = {
            shard: 1 + [one.sequence_number for one in records].index(positions[shard].value)
            if positions[shard].started
            else 0
            for shard, records in engine.shards.items()
        }
        self._positions = dict(positions)
        self._held_back: set[str] = set()
        self._over = 1 + max(one.arrival for some in engine.shards.values() for one in some) + DAY

    @property
    def exhausted(self) -> bool:
        return all(self._next[name] == len(some) for name, some in self._engine.shards.items())

    def start(self) -> None:
        assert self._engine.acknowledged.keys() == self._engine.shards.keys()

    def poll(self, timeout_s: float) -> list[DecodedBatch]:
        return [self._pushed(shard) for shard in self._next if shard not in self._held_back]

    def _pushed(self, shard: str) -> DecodedBatch:
        records = self._engine.shards[shard][self._next[shard] :][:AT_ONCE]
        self._next[shard] += len(records)
        clock = None if records else self._over
        if records:
            seen_to = max(one.arrival for one in records)
            self._positions[shard] = Position("after", records[-1].sequence_number, seen_to)
        return DecodedBatch(shard, len(records), decode_all(records), self._positions[shard], clock)

    def committed(self, positions: Mapping[str, Position]) -> None:
        self._engine.acknowledged.update(positions)

    def pause(self, shards: Iterable[str]) -> None:
        self._held_back |= set(shards)

    def resume(self, shards: Iterable[str]) -> None:
        self._held_back -= set(shards)

    def expired_shards(self) -> list[str]:
        return []

    def stop(self) -> None:
        self._held_back = set(self._next)


class Kept:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.data = b""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        self.data += body
        return DeliveryOutcome.APPLIED, ""


class Process:
    """A process over the engine; its clock goes on by a second at each look."""

    def __init__(self, engine: Engine, path: Path) -> None:
        ticks = count()
        self.records = Kept()
        self.source: Source | None = None
        self.counters: Counter[str] = Counter()
        self._engine = engine
        destinations = {kind: Destination(of, Kept()) for kind, of in FORMATS.items()}
        destinations[RECORD_KIND] = Destination(RECORD_LINES, self.records)
        stage = SharedParts(
            "toy",
            destinations,
            lambda location: SqliteStore(Path(location)),
            Rules(),
            Limits(1.0, 300_000, 1 << 30),
            Listening(self.counters),
            Clocks(lambda: float(next(ticks)), lambda: 0),
            lambda: 0.0,
            LanePools(),
            compaction_pool(),
        )
        self.service: Service = partition_of(stage, str(path), engine.identity, self._open)

    def _open(self, stored: Mapping[str, Position]) -> Opening:
        opening = self._engine.open(stored)
        self.source = opening.source
        return opening


class Listening(WorkerEvents):
    """Keeps the counters of the last commit."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters

    def progress(self, progress: Any) -> None:
        self._counters.clear()
        self._counters.update(progress.counters)


def replayed(records: Iterable[Record]) -> tuple[dict[str, Any], Counter[str]]:
    lines: list[bytes] = []

    def acquire(outputs: Outputs) -> None:
        lines.extend(one.line for one in outputs.records)

    replay = Replay(Rules(), acquire)
    run_replay(records, replay, lambda _: None, 1 << 30)
    return but_for_the_close(last_revisions(b"\n".join(lines))), replay.counters


@pytest.mark.parametrize("dies_after", [None, 0, 1, 5])
def test_an_engine_that_is_pushed_to_brings_what_a_replay_has(
    tmp_path: Path, dies_after: int | None
) -> None:
    traffic = list(simulated_records(TRAFFIC, 5))
    engine = PushedEngine(traffic)
    path = tmp_path / "state.sqlite"
    written = b""
    if dies_after is not None:
        process = Process(engine, path)
        process.service.start()
        for _ in range(dies_after):
            process.service.turn(0.0)
        process.service.abandon()
        written = process.records.data
    process = Process(engine, path)
    process.service.start()
    assert isinstance(process.source, PushedSource)
    while not process.source.exhausted:
        process.service.turn(0.0)
    process.service.turn(0.0)
    backlog = process.service.finish(1e9)
    assert backlog.entries == 0
    records, counters = replayed(traffic)
    assert len(records) == 20
    assert but_for_the_close(last_revisions(written + process.records.data)) == records
    assert {name: process.counters[name] for name in ACCOUNTED} == {
        name: counters[name] for name in ACCOUNTED
    }


def test_what_is_acknowledged_is_what_a_successor_goes_on_from(tmp_path: Path) -> None:
    engine = PushedEngine(simulated_records(TRAFFIC, 6))
    path = tmp_path / "state.sqlite"
    process = Process(engine, path)
    process.service.start()
    for _ in range(3):
        process.service.turn(0.0)
    process.service.abandon()
    successor = SqliteStore(path)
    assert engine.acknowledged == successor.acquire(engine.identity).positions
    assert any(position.started for position in engine.acknowledged.values())
    successor.close()
