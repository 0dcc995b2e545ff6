"""The command ``session``: one call, found by either of its ids, wherever it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.scenes import BASE, records
from tests.scenes import Result as Played
from worker.cli.session import session
from worker.errors import BadInput, CorruptState, Misconfigured
from worker.events.decode import Delivery, decode
from worker.events.event import Event, SessionKey
from worker.partition.numbering import ENOUGH_SESSIONS
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit

HOUR = 3_600_000
CALL = (
    (0, "start_of_customer_speech"),
    (1000, "end_of_customer_speech"),
    (1000, "prompt_sent"),
    (1600, "first_token_received"),
    (1900, "start_of_agent_speech"),
    (4000, "end_of_agent_speech"),
)
WRAP_UP = (6000, "call_wrap_up", {"duration_in_seconds": 6, "end_status": "ended"})
EITHER = pytest.mark.parametrize("sid", ["VX1", "CA1"])


def show(sid: str, *options: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner(env=env).invoke(session, [sid, *map(str, options)])


class Owner:
    """A worker's hold on a state file: it stays open while others look into it."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path)
        self._partition = Partition(Rules(), self._store.acquire("s"))

    def takes(self, *scene: tuple[object, ...]) -> None:
        self.folds(one for record in records(scene) for one in decode(record))

    def folds(self, deliveries: Iterable[Delivery]) -> None:
        self._partition.fold(list(deliveries))
        self._partition.advance(["shard-0"])
        self._commit()

    def waits(self, ms: int) -> None:
        self._partition.tip("shard-0", BASE + ms)
        self._partition.advance(["shard-0"])
        self._commit()

    def _commit(self) -> None:
        delta, outputs = self._partition.commit()
        self._store.append(Commit(delta, [], list(outputs.evicted.values()), None))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


@EITHER
def test_an_open_session_is_shown_as_it_stands(state: Path, sid: str) -> None:
    Owner(state).takes(*CALL)
    done = show(sid, "--state", state)
    assert done.exit_code == 0, done.output
    assert "VX1" in done.stdout
    assert "answered" in done.stdout
    assert f"{len(CALL)} events" in done.stdout
    assert done.stderr == ""


@EITHER
def test_a_closed_session_is_shown_while_its_worker_runs(state: Path, sid: str) -> None:
    owner = Owner(state)
    owner.takes(*CALL, WRAP_UP)
    owner.waits(HOUR)
    done = show(sid, "--state", state)
    assert done.exit_code == 0, done.output
    assert "closed by wrap_up" in done.stdout
    owner.waits(2 * HOUR)


def test_as_json_it_is_the_record(state: Path) -> None:
    owner = Owner(state)
    owner.takes(*CALL, WRAP_UP)
    owner.waits(HOUR)
    shown = json.loads(show("VX1", "--state", state, "--json").stdout)
    offline = Played(records((*CALL, WRAP_UP))).record
    assert shown == offline


def doubtful_turns(state: Path, sid: str, *options: str) -> int:
    done = show(sid, "--state", state, "--json", *options)
    turns: int = json.loads(done.stdout)["doubtful_turns"]
    return turns


def test_absent_numbers_are_read_as_the_worker_reads_them(state: Path) -> None:
    def call(session: str, at: int, wraps_up: bool) -> list[Delivery]:
        names = [name for _, name in CALL] * 4 + ["call_wrap_up"] * wraps_up
        key = SessionKey("twilio", "AC1", "CA1", session)
        events = (
            Event(key, BASE + at + n, 2 * n, name, None, BASE + at) for n, name in enumerate(names)
        )
        return [Delivery(one, "shard-0", "1", BASE, b"") for one in events]

    owner = Owner(state)
    for n in range(ENOUGH_SESSIONS):
        owner.folds(call(f"VX{n}", 0, True))
    assert doubtful_turns(state, "VX1") == 4
    assert doubtful_turns(state, "VX1", "--sequence-numbers", "sparse") == 0
    owner.waits(HOUR)
    owner.folds(call("VX99", HOUR, False))
    assert doubtful_turns(state, "VX99") == 0
    assert doubtful_turns(state, "VX99", "--sequence-numbers", "contiguous") == 4
    assert doubtful_turns(state, "VX1") == 4


def test_the_state_is_found_where_the_worker_finds_it(state: Path, tmp_path: Path) -> None:
    Owner(state).takes(*CALL)
    file = tmp_path / "mine.toml"
    file.write_text(f"state = {json.dumps(str(state))}\n")
    for env in ({"VOICE_INSIGHTS_STATE": str(state)}, {"VOICE_INSIGHTS_CONFIG": str(file)}):
        done = show("VX1", env=env)
        assert done.exit_code == 0, done.exception
        assert "VX1" in done.stdout
    assert show("VX1", "--config", file).exit_code == 0


def test_looking_takes_nothing_from_the_owner(state: Path) -> None:
    owner = Owner(state)
    owner.takes(*CALL)
    assert show("VX1", "--state", state).exit_code == 0
    owner.takes(WRAP_UP)  # a fenced one would raise
    assert "6 events" not in show("VX1", "--state", state).stdout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    first = Played(records(CALL)).record
    again = {**Played(records((*CALL, WRAP_UP))).record, "revision": 2}
    other = {**first, "session_id": "VX2"}
    third = {**first, "session_id": "VX3", "call_sid": "CA3"}
    lines = (first, other, again, third)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_in_a_file_of_records_the_last_revision_is_shown(file: Path) -> None:
    done = show("VX1", "--records", file)
    assert done.exit_code == 0, done.output
    assert "revision 2" in done.stdout
    assert "revision 1" not in done.stdout


def test_of_a_call_all_sessions_are_shown(file: Path) -> None:
    done = show("CA1", "--records", file, "--json")
    assert [json.loads(line)["session_id"] for line in done.stdout.splitlines()] == ["VX1", "VX2"]


def test_the_order_of_revisions_in_a_file_does_not_matter(file: Path) -> None:
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    assert "revision 2" in show("VX1", "--records", file).stdout


@pytest.mark.parametrize("sid", ["VX9", "VX", "", "AC1", "twilio"])
def test_an_unknown_sid_is_refused(file: Path, state: Path, sid: str) -> None:
    Owner(state).takes(*CALL)
    for place in (("--records", file), ("--state", state)):
        done = show(sid, *place)
        assert isinstance(done.exception, BadInput)
        assert sid in str(done.exception)
        assert str(place[1]) in str(done.exception)
        assert done.stdout == ""


def _absent(path: Path) -> None:
    path.unlink(missing_ok=True)


def _a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _damaged(path: Path) -> None:
    path.write_bytes(b'{"session_id": "VX1"}\n' * 300)


@pytest.mark.parametrize("spoil", [_absent, _a_folder, _damaged])
@pytest.mark.parametrize("option", ["--records", "--state"])
def test_a_file_that_is_none_is_refused_in_one_line_and_left_alone(
    tmp_path: Path, option: str, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "file"
    spoil(path)
    before = path.read_bytes() if path.is_file() else path.exists()
    done = show("VX1", option, path)
    assert isinstance(done.exception, BadInput | CorruptState | Misconfigured)
    assert str(path) in str(done.exception)
    assert "\n" not in str(done.exception)
    assert (path.read_bytes() if path.is_file() else path.exists()) == before
    assert [one.name for one in tmp_path.iterdir()] in ([], ["file"])
