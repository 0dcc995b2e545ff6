"""A service that a test drives turn by turn: a scripted source, a real partition and store."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.outbox.outboxes import FORMATS
from tests.scenes import BASE, cloud_event
from worker.outbox.destination import Destination, Sink
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind
from worker.outbox.lane import Lane
from worker.outbox.ledger import Note
from worker.outbox.sender import Sender
from worker.partition.delta import Delta, decode_delta, encode_delta, merge
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits, WorkerStatus
from worker.service.service import Service
from worker.sources.batch import DecodedBatch
from worker.sources.kinesis.inline import decode_batch
from worker.sources.kinesis.shard_consumer import Batch
from worker.state.compactor import Compactor
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit
from worker.stream.position import Position
from worker.stream.record import Record

HOUR: Final = 3_600_000
LEAD: Final = 300_000
COMMIT_EVERY_S: Final = 1.0
HEAD: Final = Position("trim_horizon")
SCENE: Final = (
    (0, "start_of_customer_speech"),
    (1000, "prompt_sent"),
    (1800, "first_token_received"),
    (2000, "start_of_agent_speech"),
    (5000, "end_of_agent_speech"),
    (6000, "call_wrap_up", {"duration_in_seconds": 6, "end_status": "ended"}),
)


class Script:
    """A source that gives what it is told to, and remembers what it is asked."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.removed: list[str] = []
        self.paused: set[str] = set()
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.durable: dict[str, Position] = {}

    def start(self) -> None:
        self.asked.append("start")

    def poll(self, timeout_s: float) -> list[DecodedBatch]:
        self.asked.append("poll")
        if self.error is not None:
            raise self.error
        batches, self.batches = self.batches, []
        return [decode_batch(batch) for batch in batches]

    def pause(self, shards: Iterable[str]) -> None:
        self.paused |= set(shards)

    def resume(self, shards: Iterable[str]) -> None:
        self.paused -= set(shards)

    def committed(self, positions: Mapping[str, Position]) -> None:
        self.durable.update(positions)

    def expired_shards(self) -> list[str]:
        removed, self.removed = self.removed, []
        return removed

    def stop(self) -> None:
        self.asked.append("stop")


class Store(SqliteStore):
    """A real one that keeps what was committed, in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commits: list[Commit] = []

    def append(self, commit: Commit) -> None:
        super().append(commit)
        kept = decode_delta(
            encode_delta(commit.delta)
        )  # the partition goes on with the states in it
        self.commits.append(commit._replace(delta=kept))

    @property
    def state(self) -> Delta:
        return merge(commit.delta for commit in self.commits)


class Heard(WorkerEvents):
    """The events of the service and the sender."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def test_event(self, test_id: str) -> None:
        self.told.append(("test event", test_id))

    def gap(self, shard: str) -> None:
        self.told.append(("gap", shard))

    def progress(self, progress: WorkerStatus) -> None:
        self.told.append(progress)

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        self.told.append((entry.kind, outcome))

    def noted(self, note: Note) -> None:
        self.told.append(note)


class Lines:
    """A sink that keeps what it is sent, or takes nothing."""

    def __init__(self, outcome: DeliveryOutcome = DeliveryOutcome.APPLIED) -> None:
        self.lines: list[dict[str, Any]] = []
        self._outcome = outcome

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        if self._outcome is DeliveryOutcome.APPLIED:
            self.lines += [json.loads(line) for line in body.splitlines()]
        return self._outcome, ""


def _own_file(owner: object) -> Path:
    """A path in a folder that goes when its owner does."""
    folder = tempfile.mkdtemp()
    weakref.finalize(owner, shutil.rmtree, folder)
    return Path(folder) / "state.sqlite"


class Compacting(Compactor):
    """A real one that remembers how long it was given to end, and breaks when told to."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, HOUR)
        self.given_s: list[float] = []
        self.broken: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        return self.broken or super().error

    def stop(self, timeout_s: float) -> None:
        self.given_s.append(timeout_s)
        super().stop(timeout_s)


class Sending(Sender):
    """A real one that remembers how long it was given to end, and breaks when told to."""

    def __init__(self, lanes: Iterable[Lane]) -> None:
        super().__init__(lanes)
        self.given_s: list[float] = []
        self.broken: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        return self.broken or super().error

    def stop(self, timeout_s: float) -> bool:
        self.given_s.append(timeout_s)
        return super().stop(timeout_s)


class Worker:
    """A service and all around it, its clock moved by hand."""

    def __init__(
        self,
        path: Path | None = None,
        positions: Mapping[str, Position] = {"a": HEAD},
        outcome: DeliveryOutcome = DeliveryOutcome.APPLIED,
        outbox_bytes: int = 1 << 30,
        sinks: Mapping[EntryKind, Sink] = {},
        more: Mapping[EntryKind, Destination] = {},
        events: WorkerEvents | None = None,
    ) -> None:
        self.now = 0.0
        self.source = Script()
        self.store = Store(path or _own_file(self))
        self.partition = Partition(Rules(), self.store.acquire("s"))
        self.records = Lines(outcome)
        all_sinks: dict[EntryKind, Sink] = {
            "metrics": Lines(outcome),
            "records": self.records,
            "dead_letters": Lines(outcome),
            **sinks,
        }
        destinations = {kind: Destination(FORMATS[kind], sink) for kind, sink in all_sinks.items()}
        destinations |= more
        self.sender = Sending(
            Lane(kind, self.store, to, Heard(), lambda: 0.0) for kind, to in destinations.items()
        )
        self.compactor = Compacting(self.store)
        self.heard = Heard()
        self.service = Service(
            self.source,
            self.partition,
            self.store,
            self.sender,
            self.compactor,
            Rules(),
            Limits(COMMIT_EVERY_S, LEAD, outbox_bytes),
            events or self.heard,
            Clocks(lambda: self.now, lambda: int(self.now * 1000)),
        )
        self.service.begin(positions)
        self._numbers = count(1)

    def turn(self, *batches: Batch) -> None:
        self.source.batches += batches
        self.service.turn(0)

    def turn_and_commit(self, *batches: Batch) -> None:
        self.now += COMMIT_EVERY_S
        self.turn(*batches)

    def record(self, shard: str, arrival: int, data: bytes = b"") -> Record:
        return Record(shard, str(next(self._numbers)), arrival, data, "")

    def batch(self, shard: str, arrival: int, *data: bytes, **more: Any) -> Batch:
        """Records that arrived at ``arrival``, ms since BASE; ``more`` replaces fields."""
        records = [self.record(shard, BASE + arrival, one) for one in data]
        last = records[-1].sequence_number if records else str(next(self._numbers))
        position = Position("after", last, BASE + arrival)
        batch = Batch(shard, records, position, None, 0, gap=False, children={})
        return batch._replace(**more)

    def sent_records(self) -> list[dict[str, Any]]:
        while any(lane.send_some() for lane in self.sender.lanes):
            pass
        return self.records.lines


def scene(*more: tuple[Any, ...]) -> list[bytes]:
    return [
        cloud_event(at, name, payload[0] if payload else None, number)
        for number, (at, name, *payload) in enumerate((*SCENE, *more), 1)
    ]
