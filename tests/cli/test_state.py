"""``state`` shows what a state holds and copies it, and disturbs nobody."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.state.commits import NOON, STREAM, change, commit, draft, evicted, state_in, taken
from worker.cli.state import state
from worker.errors import BadInput, Misconfigured
from worker.partition.delta import Delta
from worker.stream.position import Position


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(state, [str(one) for one in arguments])


def fill(path: Path) -> None:
    delta = Delta(
        stream_time=NOON,
        positions={"shard-1": Position("after", "17", NOON)},
        sessions=[change(1)],
        counters={"occurrences": 1234},
    )
    with closing(taken(path)) as store:
        store.append(commit(delta, [draft(1)], [evicted(4)]))


def test_it_is_shown_whose_state_it_is_and_what_it_holds(path: Path) -> None:
    fill(path)
    shown = invoke("show", "--state", path)
    assert shown.exit_code == 0
    lines = [line.split(maxsplit=1) for line in shown.stdout.splitlines()]
    assert ["stream", STREAM] in lines
    assert ["shard", "shard-1: after, read to 2026-10-02T12:00:00.000Z"] in lines
    assert ["sessions", "1 in memory, 1 closed and kept"] in lines
    assert ["counter", "occurrences 1,234"] in lines
    assert any(line[0] == "waiting" and line[1].startswith("metrics: 1 requests") for line in lines)


def test_the_same_is_to_be_had_for_programs(path: Path) -> None:
    fill(path)
    found = json.loads(invoke("show", "--state", path, "--json").stdout)
    assert (found["stream"], found["epoch"], found["commits"]) == (STREAM, 1, 1)
    assert found["shards"] == {
        "shard-1": {"position": "after", "read_to": "2026-10-02T12:00:00.000Z"}
    }
    assert found["whole"] is True


def test_a_copy_is_made_and_told_of(path: Path, tmp_path: Path) -> None:
    fill(path)
    copied = invoke("copy", path, tmp_path / "copy.sqlite")
    assert copied.exit_code == 0
    assert copied.stdout == f"{tmp_path / 'copy.sqlite'}: 1 commits of {STREAM}\n"
    assert state_in(tmp_path / "copy.sqlite") == state_in(path)


def test_what_can_not_be_is_told_on_one_line(path: Path) -> None:
    assert isinstance(invoke("show", "--state", path).exception, BadInput)
    assert isinstance(invoke("copy", path, path).exception, BadInput)
    between = invoke("copy", path, "s3://bucket/state", "--region", "eu-west-1")
    assert isinstance(between.exception, Misconfigured)
    assert "state show" in str(between.exception)
