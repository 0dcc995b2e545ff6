"""The commands that look into a state look into all buckets of a fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.fleet.test_relocation import LAYOUT, worked
from worker.cli.calls import calls
from worker.cli.forget import forget
from worker.cli.session import session
from worker.cli.state import state
from worker.errors import BadInput
from worker.fleet.relocation import fleet_from, single_from
from worker.opening import Locations

Both = tuple[Path, Path]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    """A worker's state, and a fleet that has the same."""
    locations, single, moved = Locations("eu-west-1", None), tmp_path / "single", tmp_path / "moved"
    for path in (single, moved):
        worked(locations, str(path))
    fleet_from(locations, str(moved), str(tmp_path / "fleet"), LAYOUT)
    return single, tmp_path / "fleet"


def invoke(command: Any, *arguments: object) -> Result:
    return CliRunner(env={"VOICE_INSIGHTS_CONFIG": "/dev/null"}).invoke(
        command, list(map(str, arguments))
    )


def records(command: Any, *arguments: object) -> list[dict[str, Any]]:
    shown = invoke(command, *arguments)
    assert shown.exit_code == 0, shown.output
    return [json.loads(line) for line in shown.stdout.splitlines()]


def keys(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((one["call_sid"], one["session_id"]) for one in found)


def test_calls_of_all_buckets_are_ranked(both: Both) -> None:
    single, fleet = both
    alone = records(calls, single, "--worst", "100", "--json")
    assert alone
    assert keys(records(calls, fleet, "--worst", "100", "--json")) == keys(alone)


def test_a_session_and_a_call_are_found_whichever_bucket_has_them(both: Both) -> None:
    single, fleet = both
    for one in records(calls, single, "--worst", "100", "--json"):
        for sid in (one["session_id"], one["call_sid"]):
            expected = records(session, sid, "--state", single, "--json")
            found = records(session, sid, "--state", fleet, "--json")
            assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert isinstance(invoke(session, "VX1", "--state", fleet).exception, BadInput)


def test_the_state_of_each_bucket_is_shown(both: Both) -> None:
    single, fleet = both
    (alone,) = [json.loads(invoke(state, "show", "--state", single, "--json").stdout)]
    shown = json.loads(invoke(state, "show", "--state", fleet, "--json").stdout)
    assert [one["stream"] for one in shown] == [LAYOUT.identity(n) for n in range(3)]
    assert sum(one["sessions_in_memory"] for one in shown) == alone["sessions_in_memory"]
    assert all(one["shards"] == alone["shards"] for one in shown)
    assert invoke(state, "show", "--state", fleet).stdout.count("stream time") == 3


def test_a_forgotten_call_is_gone_from_every_bucket_and_stays_so(both: Both) -> None:
    _, fleet = both
    found = records(calls, fleet, "--worst", "100", "--json")
    sid = found[0]["call_sid"]
    sessions = [one for one in found if one["call_sid"] == sid]
    told = invoke(forget, sid, "--yes", "--json", "--state", fleet, "--dead-letters", fleet / "no")
    assert told.exit_code == 0, told.output
    erased = json.loads(told.stdout)["state"]
    assert erased["resident"] + erased["closed"] >= len(sessions)
    assert isinstance(invoke(session, sid, "--state", fleet).exception, BadInput)
    views = [Locations("eu-west-1", None).view(str(fleet / f"bucket-0{n}")) for n in range(3)]
    assert {len(view.contents().whole.erased) for view in views} == {1}


def test_a_call_is_forgotten_by_states_that_were_moved(both: Both, tmp_path: Path) -> None:
    _, fleet = both
    sid = records(calls, fleet, "--worst", "1", "--json")[0]["call_sid"]
    single_from(Locations("eu-west-1", None), str(fleet), str(tmp_path / "again"))
    for left in (tmp_path / "moved", fleet):
        assert records(session, sid, "--state", left, "--json")
        told = invoke(forget, sid, "--yes", "--state", left, "--dead-letters", fleet / "no")
        assert told.exit_code == 0, told.exception
        assert isinstance(invoke(session, sid, "--state", left).exception, BadInput)
    assert records(session, sid, "--state", tmp_path / "again", "--json")


def test_a_session_is_forgotten_by_its_own_bucket(both: Both) -> None:
    _, fleet = both
    sid = records(calls, fleet, "--worst", "1", "--json")[0]["session_id"]
    invoke(forget, sid, "--yes", "--state", fleet, "--dead-letters", fleet / "no")
    views = [Locations("eu-west-1", None).view(str(fleet / f"bucket-0{n}")) for n in range(3)]
    digests = [len(view.contents().whole.erased) for view in views]
    assert digests == [int(n == LAYOUT.bucket_of(sid)) for n in range(3)]
