"""This release reads what each release has stored, and goes on from it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.formats.writing import FORMATS, STORED, STREAM, Keeper, bundled, described
from tests.state.s3.buckets import store_in
from worker import __version__
from worker.cli.records_file import read_records, records_in
from worker.destinations.objects import RECORDS
from worker.destinations.written_lines import lines_of_file, lines_of_folder
from worker.events.decode import decode, decode_all
from worker.events.event import Event
from worker.fleet.bundles import decode_bundle
from worker.fleet.layout import decode_layout
from worker.fleet.receipt import Receipt
from worker.objectstore.retrying import Access
from worker.partition.dead_letters import decode_letter
from worker.partition.erasure import is_erased
from worker.recordings.reader import read_recording
from worker.settings.sources import load_settings
from worker.state.s3.ledger import notes_since
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import notes_since as notes_in_file
from worker.state.store import Erasable
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.strict_s3 import StrictS3

RELEASES = sorted(path.name for path in STORED.iterdir())
EACH = pytest.mark.parametrize("release", RELEASES)
BOTH = pytest.mark.parametrize("place", ["file", "bucket"])


def expected(release: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORED / release / "expected.json").read_text())
    return found


def bucket_of(release: str) -> StrictS3:
    bucket = StrictS3()
    folder = STORED / release / "bucket"
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.objects[str(path.relative_to(folder))] = path.read_bytes()
    return bucket


@contextmanager
def store_of(release: str, place: str, tmp_path: Path) -> Iterator[Erasable]:
    if place == "bucket":
        store: Erasable = store_in(bucket_of(release))
    else:
        shutil.copy(STORED / release / "state", tmp_path / "state")
        store = SqliteStore(tmp_path / "state")
    with closing(store):
        yield store


def records_of(release: str) -> list[Record]:
    return [
        one
        for one in read_recording(str(STORED / release / "recording"))
        if isinstance(one, Record)
    ]


def test_this_release_has_stored_its_formats() -> None:
    assert __version__ in RELEASES


@EACH
@BOTH
def test_a_state_is_restored_as_it_was(release: str, place: str, tmp_path: Path) -> None:
    with store_of(release, place, tmp_path) as store:
        state = store.acquire(STREAM)
        entries = [one for kind in FORMATS for one in store.claim(kind, 99)]
        wanted = expected(release)
        found = described(state, entries)
        # what was claimed when it was stored is by now an attempt of which nobody knows
        for stored, now in zip(wanted.pop("outbox"), found.pop("outbox"), strict=True):
            assert (now[0], now[2]) == (stored[0], stored[2])
            assert now[1] == stored[1] + 1
        assert found == {name: wanted[name] for name in found}


@EACH
@BOTH
def test_what_was_folded_is_a_duplicate_and_what_was_erased_stays_so(
    release: str, place: str, tmp_path: Path
) -> None:
    with store_of(release, place, tmp_path) as store:
        keeper = Keeper(store)
        before = Counter(keeper.restored.counters)
        keeper.acquire(records_of(release))
        now = keeper.partition.counters
        assert now["folded"] == before["folded"]
        assert now["conflicts"] == before["conflicts"]
        assert now["erased"] > before["erased"]
        assert now["duplicates"] > before["duplicates"]


@EACH
@BOTH
def test_closed_sessions_are_recalled(release: str, place: str, tmp_path: Path) -> None:
    wanted = expected(release)
    with store_of(release, place, tmp_path) as store:
        state = store.acquire(STREAM)
        keys = {
            one.occurrence.key
            for record in records_of(release)
            for one in decode(record)
            if isinstance(one.occurrence, Event)
        }
        found = store.load_sessions(keys)
        assert {key.session_id: one.state.count for key, one in found.items()} == wanted["closed"]
        assert not any(is_erased(key, state.erased) for key in found)


@EACH
def test_the_ledger_is_read(release: str, tmp_path: Path) -> None:
    access = Access(bucket_of(release), lambda _: None, lambda: 0.5, lambda _: None)
    of_bucket = sorted(notes_since(access, 0), key=lambda note: note.entry)
    assert of_bucket
    shutil.copy(STORED / release / "state", tmp_path / "state")
    assert notes_in_file(tmp_path / "state", 0) == of_bucket


@EACH
def test_session_records_are_read_from_lines_and_from_objects(release: str) -> None:
    of_file = read_records(STORED / release / "records.jsonl")
    access = Access(bucket_of(release), lambda _: None, lambda: 0.5, lambda _: None)
    of_objects = records_in(lines_of_folder(access, RECORDS), None)
    assert sorted(map(msgspec.json.encode, of_file)) == sorted(map(msgspec.json.encode, of_objects))
    assert 0 < len(of_file) <= expected(release)["records"]


@EACH
def test_dead_letters_of_every_kind_are_read(release: str) -> None:
    lines = lines_of_file(STORED / release / "dead-letters.jsonl")
    kinds = {type(decode_letter(line.data)).__name__ for line in lines}
    assert kinds >= {"OccurrenceLetter", "SessionLetter", "SamplesLetter"}


@EACH
def test_bundles_and_marks_of_a_fleet_are_read(release: str) -> None:
    folder = STORED / release / "fleet"
    layout = decode_layout((folder / "layout").read_bytes())
    receipt = Receipt(layout, 0, {})
    (bundle,) = receipt.take(decode_bundle((folder / "bundle").read_bytes())).batches
    (end,) = receipt.take(decode_bundle((folder / "mark").read_bytes())).batches
    records = bundled(records_of(release))
    assert bundle.deliveries == decode_all(records)
    assert bundle.position == Position("after", records[-1].sequence_number, records[-1].arrival)
    assert (bundle.millis_behind, end.ended) == (250, True)
    assert list(end.children) == ["shardId-000000000007"]


@EACH
def test_a_file_of_settings_is_taken(release: str) -> None:
    path = STORED / release / "settings.toml"
    loaded = load_settings({}, {}, path)
    named = {line.partition(" ")[0] for line in path.read_text().splitlines()}
    assert {name for name, source in loaded.sources.items() if source != "default"} == named
