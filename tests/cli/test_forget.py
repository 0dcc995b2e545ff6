"""The command ``forget``: a call leaves state, records and dead letters, in files and buckets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from tests.live import Aws
from tests.scenes import BASE, Scene, cloud_event, records
from worker.cli.forget import BEYOND_REACH, forget
from worker.cli.session import session
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_KIND, RECORD_LINES
from worker.errors import BadInput, Fenced
from worker.events.decode import decode
from worker.opening import Locations
from worker.outbox.destination import new_entries
from worker.outbox.entries import DEAD_LETTER_KIND
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.state.store import Commit, Store
from worker.stream.record import Record
from worker.testing.moto_server import REGION, embedded_aws

CALL = "CA0123456789abcdef0123456789abcdef"
SESSION = "VX0123456789abcdef0123456789abcdef"
OTHER = "VXfedcba9876543210fedcba9876543210"
STREAM = "calls, created 2026-10-01T08:00:00.000Z"
SCENE: list[tuple[Any, ...]] = [
    (0, "prompt_sent"),
    (900, "first_token_received"),
    (2000, "call_wrap_up", {}),
]
FORMATS = {RECORD_KIND: RECORD_LINES, DEAD_LETTER_KIND: DEAD_LETTER_LINES}
ENV = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
HOUR = 3_600_000


def ours(scene: Scene) -> list[Record]:
    """The records of the call that is going to be forgotten."""
    return [
        replace(one, data=one.data.replace(b"CA1", CALL.encode()).replace(b"VX1", SESSION.encode()))
        for one in records(scene)
    ]


def others(scene: Scene) -> list[Record]:
    return [
        replace(one, data=one.data.replace(b"CA1", b"CA2").replace(b"VX1", OTHER.encode()))
        for one in records(scene)
    ]


def unreadable() -> list[Record]:
    data = cloud_event(0, "prompt_sent").replace(b"CA1", CALL.encode())
    return [Record("shard-0", "9", BASE, data[:-3], ""), Record("shard-0", "9", BASE, b"{", "")]


class Place:
    """State, records and dead letters of a worker, as the settings name them."""

    def __init__(self, state: str, written: str, endpoint: str | None = None) -> None:
        self.state = state
        bucket = written.startswith("s3://")
        self.records = written if bucket else f"{written}/records.jsonl"
        self.letters = written if bucket else f"{written}/letters.jsonl"
        self.locations = Locations(REGION, endpoint, boto3.Session("x", "x"))
        self._options = ["--endpoint-url", endpoint, "--region", REGION] if endpoint else []

    def store(self) -> Store:
        return self.locations.store(self.state, lambda _: None, lambda _: None, lambda: 0.5)

    def forget(self, sid: str, *options: str, answer: str | None = None) -> Result:
        places = ("--state", self.state, "--records", self.records, "--dead-letters", self.letters)
        return self._invoke(forget, [sid, *places, *options], answer)

    def session(self, sid: str, *options: str) -> Result:
        return self._invoke(session, [sid, *options], None)

    def _invoke(self, command: Any, arguments: list[str], answer: str | None) -> Result:
        runner = CliRunner(env=ENV)
        return runner.invoke(command, [*arguments, *self._options], input=answer)


class Owner:
    """A worker's hold on a state, with sinks of its own."""

    def __init__(self, place: Place) -> None:
        self._store = place.store()
        self.partition = Partition(Rules(), self._store.acquire(STREAM))
        self._sinks = {
            RECORD_KIND: place.locations.records(place.records),
            DEAD_LETTER_KIND: place.locations.dead_letters(place.letters),
        }

    def takes(self, *batches: list[Record]) -> None:
        for record in (one for batch in batches for one in batch):
            self.partition.fold(decode(record))
        self._commit()

    def waits(self, ms: int) -> None:
        self.partition.tip("shard-0", BASE + ms)
        self.partition.advance(["shard-0"])
        self._commit()

    def sends(self) -> None:
        for kind, sink in self._sinks.items():
            for entry in self._store.claim(kind, 99):
                sink.send(entry.body)

    def _commit(self) -> None:
        delta, outputs = self.partition.commit()
        made = new_entries(FORMATS, outputs, BASE)
        self._store.append(Commit(delta, made, list(outputs.evicted.values()), None))


def forgotten_everywhere(place: Place) -> None:
    owner = Owner(place)
    owner.takes(ours(SCENE), others(SCENE), unreadable())
    owner.waits(HOUR)
    owner.sends()
    owner.takes(ours([(1500, "dtmf")]), others([(1500, "dtmf")]))
    owner.waits(2 * HOUR)
    for sid, found in ((CALL, True), (SESSION, True), (OTHER, True)):
        assert (place.session(sid, "--state", place.state).exit_code == 0) == found
    report = json.loads(place.forget(CALL, "--yes", "--json").stdout)
    assert report["state"]["closed"] == 1
    assert report["state"]["requests"] >= 1
    assert report["records"]["lines"] == report["dead_letters"]["lines"] == 1
    assert report["not_reached"] == list(BEYOND_REACH)
    for where in (["--state", place.state], ["--records", place.records]):
        assert isinstance(place.session(SESSION, *where).exception, BadInput)
        assert place.session(OTHER, *where).exit_code == 0
    with pytest.raises(Fenced):
        owner.takes(others([(9000, "dtmf")]))
    again = json.loads(place.forget(CALL, "--yes", "--json").stdout)
    assert again["state"]["closed"] == again["records"]["lines"] == again["state"]["requests"] == 0
    new = Owner(place)
    new.takes(ours(SCENE), others(SCENE))
    assert new.partition.counters["erased"] == len(SCENE)
    new.waits(3 * HOUR)
    new.sends()
    assert isinstance(place.session(CALL, "--records", place.records).exception, BadInput)


def test_a_call_leaves_all_files_for_good(tmp_path: Path) -> None:
    forgotten_everywhere(Place(str(tmp_path / "state.sqlite"), str(tmp_path)))
    for path in tmp_path.iterdir():
        assert CALL.encode() not in path.read_bytes(), path
        assert SESSION.encode() not in path.read_bytes(), path


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with embedded_aws() as endpoint:
        yield Aws(endpoint, "forgotten", shards=1)


@pytest.mark.slow
def test_a_call_leaves_all_buckets_for_good(aws: Aws) -> None:
    aws.client("s3").create_bucket(Bucket="keeps")
    forgotten_everywhere(Place("s3://keeps/state", "s3://keeps/all", aws.endpoint))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(str(tmp_path / "state.sqlite"), str(tmp_path))
    Owner(place).takes(ours(SCENE), others(SCENE))
    return place


def test_nothing_is_done_before_it_is_allowed(place: Place) -> None:
    refused = place.forget(CALL, answer="n\n")
    assert refused.exit_code == 1
    assert "exit code 3" in refused.stderr
    assert place.session(CALL, "--state", place.state).exit_code == 0
    allowed = place.forget(CALL, answer="y\n")
    assert allowed.exit_code == 0, allowed.output
    assert place.session(CALL, "--state", place.state).exit_code != 0


def test_the_report_names_what_was_done_and_what_can_not_be_reached(place: Place) -> None:
    told = place.forget(SESSION, "--yes").stdout
    assert f"{SESSION} is removed" in told
    assert "1 sessions in memory" in told
    for each in BEYOND_REACH:
        assert each in told


def test_a_request_that_may_be_on_its_way_asks_for_a_repeat(place: Place) -> None:
    owner = Owner(place)
    owner.waits(HOUR)
    owner.sends()  # and dies before it can settle
    first = json.loads(place.forget(CALL, "--yes", "--json").stdout)
    assert first["state"]["maybe_sent"] == 1
    assert any("repeat" in one for one in first["advice"])
    assert json.loads(place.forget(CALL, "--yes", "--json").stdout)["advice"] == []


def test_records_on_standard_output_are_said_to_be_out_of_reach(place: Place) -> None:
    place.records = "-"
    told = place.forget(CALL, "--yes")
    assert told.exit_code == 0, told.output
    assert "standard output, which can't be reached" in told.stdout


def test_without_a_state_or_a_name_nothing_is_made(place: Place, tmp_path: Path) -> None:
    assert isinstance(place.forget("CA1", "--yes").exception, BadInput)
    place.state = str(tmp_path / "none.sqlite")
    assert isinstance(place.forget(CALL, "--yes").exception, BadInput)
    assert not (tmp_path / "none.sqlite").exists()


def test_an_erased_open_session_is_not_open_any_more(place: Place) -> None:
    place.forget(CALL, "--yes")
    with closing(place.store()) as store:
        counters = store.acquire(STREAM).counters
    assert counters["sessions_opened"] - counters["open_sessions_erased"] == 1
