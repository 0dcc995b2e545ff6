"""One of everything that a worker stores, in the formats of the release at hand.

What is written is the same each time: simulated calls, of which some have closed, one is open and
one was erased; requests that wait, were sent, or are being sent; dead letters of every kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tests.processes import ROOT
from tests.state.s3.buckets import EAGER, store_in
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_KIND, RECORD_LINES
from worker.destinations.objects import RECORDS, ObjectSink, record_time
from worker.events.decode import decode_all
from worker.events.event import SessionKey
from worker.fleet.layout import Layout, encode_layout
from worker.fleet.processor import LeasedRecord
from worker.fleet.routing import Marks, Routing
from worker.outbox.destination import RequestFormat, new_entries
from worker.outbox.entries import DEAD_LETTER_KIND, DeliveryOutcome, Entry, EntryKind, Settled
from worker.outbox.ledger import Note
from worker.partition.dead_letters import encode_letter, samples_letter, session_letter
from worker.partition.delta import Delta
from worker.partition.erasure import Erasure
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.recordings.writer import write_recording
from worker.settings.model import Settings
from worker.state.sqlite.store import Compaction, SqliteStore
from worker.state.store import Commit, Erasable
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.strict_s3 import StrictS3
from worker.testing.traffic import Traffic, simulated_records

STORED: Final = ROOT / "tests" / "formats" / "stored"
STREAM: Final = "calls, created 2026-10-01T08:00:00.000Z"
TRAFFIC: Final = Traffic(
    sessions=5, shards=2, spread_s=900, delay_median_s=2, malformed=0.01, duplicates=0.05, lost=0
)
SEED: Final = 2
RULES: Final = Rules(close_after_wrap_up=20_000, close_idle=300_000, hold_turn=60_000)
FORMATS: Final[Mapping[EntryKind, RequestFormat]] = {
    METRIC_KIND: DATUMS,
    RECORD_KIND: RECORD_LINES,
    DEAD_LETTER_KIND: DEAD_LETTER_LINES,
}
LAYOUT: Final = Layout(source=STREAM, keyed="calls-keyed, created 2026-10-02", buckets=1)
_BATCH: Final = 25


class Keeper:
    """A partition on a store, without a loop."""

    def __init__(self, store: Erasable) -> None:
        self._store = store
        self.restored = store.acquire(STREAM)
        self.partition = Partition(RULES, self.restored)
        self._shards: dict[str, None] = dict.fromkeys(self.restored.positions)

    def acquire(self, records: Iterable[Record]) -> None:
        """Fold records and commit what they give."""
        records = list(records)
        misses = self.partition.fold_resident(decode_all(records))
        self.partition.fold_misses(misses, self._store.load_sessions(misses))
        for record in records:
            self._shards[record.shard] = None
            at = Position("after", record.sequence_number, record.arrival)
            self.partition.move(record.shard, at)
        self.partition.advance(self._shards)
        now = self.partition.now or 0
        delta, outputs = self.partition.commit()
        made = new_entries(FORMATS, outputs, now)
        self._store.append(Commit(delta, made, list(outputs.evicted.values()), None))

    def send(self, outcome: DeliveryOutcome) -> None:
        """Claim a request with metrics, and settle it."""
        for entry in self._store.claim(METRIC_KIND, 1):
            note = Note(entry.id, entry.kind, 1, 1, DATUMS.counts(entry.body))
            self._store.settle([Settled(entry.id, outcome, (), note if outcome.is_final else None)])


def write(folder: Path) -> None:
    """Write all of it into a new folder."""
    folder.mkdir(parents=True)
    records = list(simulated_records(TRAFFIC, SEED))
    del records[len(records) * 3 // 4 :]  # in the midst of a call
    write_recording(folder / "recording", records, "zst")
    with closing(SqliteStore(folder / "state", Compaction(8, 1 << 40))) as store:
        of_file = _fill(store, records, folder)
    bucket = StrictS3()
    with closing(store_in(bucket, EAGER)) as store:
        of_bucket = _fill(store, records, folder)
    for key, data in bucket.objects.items():
        path = folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert of_file == of_bucket
    write_keyed(folder / "fleet", records)
    (folder / "settings.toml").write_text(_settings(), encoding="utf-8")
    text = json.dumps(of_file, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(f"{text}\n", encoding="utf-8")


def write_keyed(folder: Path, records: list[Record]) -> None:
    """Write a fleet's layout; the bundle with a shard's first records, and the mark of its end."""
    folder.mkdir(parents=True)
    (folder / "layout").write_bytes(encode_layout(LAYOUT))
    some = bundled(records)
    routing = Routing(LAYOUT, some[0].shard, None)
    ((put,),) = routing.route([LeasedRecord(one) for one in some], 250)
    (folder / "bundle").write_bytes(put.data)
    routing.acknowledged()
    routing.end(["shardId-000000000007"])
    (put,) = Marks(LAYOUT, [routing]).puts
    (folder / "mark").write_bytes(put.data)


def bundled(records: Iterable[Record]) -> list[Record]:
    """Return the records of which a bundle is stored."""
    return [one for one in records if one.shard.endswith("0")][:40]


def described(state: Delta, entries: Iterable[Entry]) -> dict[str, Any]:
    """What is in a store, in words that no format of the worker's decides."""
    return {
        "stream_time": state.stream_time,
        "counters": state.counters,
        "positions": {shard: list(_fields(at)) for shard, at in state.positions.items()},
        "open": {one.state.key.session_id: one.state.count for one in state.sessions},
        "erased": [one.hex() for one in state.erased],
        "series": len(state.series),
        "outbox": [[one.kind, one.ambiguous, sha256(one.body).hexdigest()] for one in entries],
    }


def _fields(at: Position) -> tuple[object, ...]:
    return at.kind, at.value, at.seen_to


def _fill(store: Erasable, records: list[Record], folder: Path) -> dict[str, Any]:
    keeper = Keeper(store)
    keys: dict[SessionKey, None] = {}
    for n, start in enumerate(range(0, len(records), _BATCH)):
        keeper.acquire(records[start : start + _BATCH])
        keys |= dict.fromkeys(keeper.partition.keys())
        if n % 5 == 2:
            keeper.send(DeliveryOutcome.APPLIED)
        if n % 3 == 1:
            store.compact()
    keeper.send(DeliveryOutcome.AMBIGUOUS)
    lines = [one.body for one in store.claim(RECORD_KIND, 99)]
    _write_lines(folder, lines, [one.body for one in store.claim(DEAD_LETTER_KIND, 99)])
    state = store.acquire(STREAM)
    erased = next(iter(keys)).call_sid
    store.erase(Erasure(erased), lambda _kind, body: body)
    state = store.acquire(STREAM)
    entries = [one for kind in FORMATS for one in store.claim(kind, 99)]
    closed = store.load_sessions(keys)
    return {
        **described(state, entries),
        "closed": {key.session_id: one.state.count for key, one in closed.items()},
        "erased_call": erased,
        "records": sum(body.count(b"\n") for body in lines),
    }


def _write_lines(folder: Path, records: list[bytes], letters: list[bytes]) -> None:
    """Session records, as lines and as objects; dead letters of every kind."""
    body = b"".join(records)
    (folder / "records.jsonl").write_bytes(body)
    bucket = StrictS3()
    ObjectSink(bucket, RECORDS, record_time).send(body)
    for key, data in bucket.objects.items():
        path = folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    others = (
        session_letter("a defect", SessionKey("twilio", "AC1", "CA1", "VX1"), 0, b"\x93"),
        samples_letter("too old", 0, [{"MetricName": "Turns"}]),
    )
    more = b"".join(encode_letter(one) + b"\n" for one in others)
    (folder / "dead-letters.jsonl").write_bytes(b"".join(letters) + more)


def _settings() -> str:
    """Every setting that has a value by default, but for mappings, as a file may have it."""
    values = Settings().model_dump()
    scalars = {
        name: value for name, value in values.items() if isinstance(value, str | int | float)
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in scalars.items())
