"""A location is opened as what it is, whichever command or setting has named it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.state.commits import commit, evicted
from worker.destinations.files import LineSink, StdoutRecords
from worker.destinations.objects import RECORDS
from worker.destinations.written_lines import WrittenLine
from worker.errors import BadInput, Misconfigured
from worker.opening import Locations, check_state, is_one_file
from worker.outbox.entries import DeliveryOutcome
from worker.state.s3.store import S3Store
from worker.state.s3.view import S3View
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import SqliteView
from worker.state.store import Store

BUCKET = "s3://bucket/prefix"


@pytest.fixture
def locations() -> Locations:
    return Locations("eu-west-1", "http://127.0.0.1:9")


def store_at(locations: Locations, location: str) -> Store:
    return locations.store(location, lambda _: None, lambda _: None, lambda: 0.5)


def test_a_state_is_in_a_file_or_in_a_bucket(locations: Locations, tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite")
    assert isinstance(store_at(locations, BUCKET), S3Store)
    assert isinstance(locations.view(BUCKET), S3View)
    store = store_at(locations, path)
    assert isinstance(store, SqliteStore)
    store.acquire("stream")
    store.append(commit(away=[evicted(1)]))
    view = locations.view(path)
    assert isinstance(view, SqliteView)
    assert [one.state.key.session_id for one in view.find_sessions("VX1")] == ["VX1"]
    assert view.ledger_since(0, {}) == ([], [])
    store.close()


def test_there_is_no_view_of_a_state_file_that_is_not_there(
    locations: Locations, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="no state file"):
        locations.view(str(tmp_path / "state.sqlite"))


class Counting(boto3.Session):  # type: ignore[misc]  # boto3 is untyped
    """A session that counts the clients it has made."""

    made = 0

    def client(self, *names: Any, **more: Any) -> Any:
        self.made += 1
        return super().client(*names, **more)


def test_all_buckets_share_one_client_and_files_need_none(tmp_path: Path) -> None:
    session = Counting("any", "any")
    locations = Locations("eu-west-1", "http://127.0.0.1:9", session)
    store_at(locations, str(tmp_path / "state.sqlite")).close()
    assert session.made == 0
    store_at(locations, BUCKET)
    locations.view("s3://another")
    locations.bucket("s3://third/prefix")
    assert session.made == 1


def test_only_a_location_in_a_bucket_has_one(locations: Locations) -> None:
    bucket = locations.bucket(BUCKET)
    assert bucket is not None
    assert bucket.url == BUCKET
    assert locations.bucket("records.jsonl") is None


def test_records_may_go_to_standard_output_and_dead_letters_may_not(
    locations: Locations, tmp_path: Path
) -> None:
    path = str(tmp_path / "lines.jsonl")
    assert isinstance(locations.records("-"), StdoutRecords)
    assert isinstance(locations.records(path), LineSink)
    assert isinstance(locations.dead_letters(path), LineSink)


def test_a_file_that_cannot_be_written_is_named_with_its_setting(
    locations: Locations, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=r"^records: "):
        locations.records(str(tmp_path / "none" / "lines.jsonl"))
    with pytest.raises(Misconfigured, match=r"^dead_letters: "):
        locations.dead_letters(str(tmp_path / "none" / "lines.jsonl"))


def test_the_lines_that_a_sink_wrote_are_read_back_with_their_numbers(
    locations: Locations, tmp_path: Path
) -> None:
    path = str(tmp_path / "lines.jsonl")
    assert locations.records(path).send(b"one\ntwo\n") == (DeliveryOutcome.APPLIED, "")
    assert list(locations.lines(path, RECORDS)) == [
        WrittenLine(path, 1, b"one"),
        WrittenLine(path, 2, b"two"),
    ]


@pytest.mark.parametrize(
    ("location", "one"),
    [
        ("lines.jsonl", True),
        (f"{BUCKET}/sessions/dt=2026-10-02/hour=12/0000-0.jsonl.zst", True),
        (BUCKET, False),
        (f"{BUCKET}/sessions/dt=2026-10-02", False),
    ],
)
def test_only_a_file_and_an_object_have_lines_of_one_numbering(location: str, *, one: bool) -> None:
    assert is_one_file(location) is one


def test_a_state_that_can_neither_be_read_nor_made_is_named(tmp_path: Path) -> None:
    check_state(str(tmp_path / "state.sqlite"))
    check_state("s3://bucket/prefix")
    for wrong in (tmp_path, tmp_path / "none" / "state.sqlite"):
        with pytest.raises(Misconfigured, match=f"^state: .*{wrong.name}"):
            check_state(str(wrong))
