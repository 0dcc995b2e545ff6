"""The command ``calls``: the worst calls of a place, as a table or as records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.page.calls import records
from worker.cli.main import cli
from worker.page.selection import worst_by
from worker.sessions.record import encode_record


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "sessions.jsonl"
    path.write_bytes(b"".join(encode_record(one) + b"\n" for one in records()))
    return path


def calls(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["calls", *map(str, arguments)])


def sids(*arguments: object) -> list[str]:
    done = calls(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line)["session_id"] for line in done.stdout.splitlines()]


def test_json_is_the_records_of_the_worst_which_it_takes_itself(
    place: Path, tmp_path: Path
) -> None:
    expected = worst_by(records(), "caller_wait", 5)
    done = calls(place, "--worst", 5, "--json")
    assert done.stdout_bytes == b"".join(encode_record(one) + b"\n" for one in expected)
    again = tmp_path / "worst.jsonl"
    again.write_bytes(done.stdout_bytes)
    assert sids(again) == [one.session_id for one in expected]


def test_the_table_names_them_in_order_and_says_what_to_see(place: Path) -> None:
    done = calls(place, "--worst", 3, "--by", "application")
    expected = [one.session_id for one in worst_by(records(), "application", 3)]
    places = [done.stdout.index(sid) for sid in expected]
    assert places == sorted(places)
    assert f"of {expected[0]}: the caller waited" in done.stdout
    assert "3 of 60 calls, by application" in done.stdout


def test_conditions_and_spans_must_all_hold(place: Path) -> None:
    began = sorted(one.started_at for one in records())
    conditions = ("--where", "turns>5", "--where", "language=en-US")
    found = sids(place, "--worst", 60, *conditions, "--from", began[10])
    assert set(found) == {
        one.session_id
        for one in worst_by(records(), "caller_wait", 60)
        if one.turns > 5 and one.context.tts_language == "en-US" and one.started_at >= began[10]
    }


def test_without_a_call_it_says_so(place: Path) -> None:
    done = calls(place, "--where", "turns>1000")
    assert (done.exit_code, "0 of 0 calls" in done.stdout) == (0, True)


def test_what_is_no_condition_is_refused_with_what_there_is(place: Path) -> None:
    done = calls(place, "--where", "colour=red")
    assert done.exit_code == 2
    assert "caller_wait" in done.output
