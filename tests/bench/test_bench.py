"""Every case of the benchmark, tiny: that it measures what it says, not how fast that is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import aggregates, cases, replaying, stages, states
from tests.bench.inputs import SHARDS, events, write_inputs
from tests.bench.peers import loop
from tests.bench.processes import measure
from tests.bench.report import Report, Row, at_least, at_most, beside, table, write_json
from tests.bench.stub import Shards, Stub, lines_of
from worker.events.decode import decode
from worker.events.occurrence import Ignored

RECORDS = 1200
SEED = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_inputs(folder, RECORDS, SEED)
    return folder


@pytest.fixture
def stub(folder: Path) -> Iterator[Stub]:
    stub = Stub(Shards(lines_of(folder / "recording"), answer=5))
    stub.start()
    yield stub
    stub.stop()


def test_the_records_are_of_the_size_and_kinds_that_a_real_stream_has() -> None:
    found = list(events(5_000, SEED))
    sizes = [len(record.data) for record in found]
    of_other_types = sum(isinstance(decode(record)[0].occurrence, Ignored) for record in found)
    assert found == list(events(5_000, SEED))
    assert len({record.shard for record in found}) == SHARDS
    assert 700 < sum(sizes) / len(sizes) < 1000
    assert 0.08 < of_other_types / len(found) < 0.12


@pytest.mark.parametrize(
    "run",
    [
        replaying.replay,
        replaying.replay_as_live,
        replaying.replay_files,
        replaying.append_json,
        replaying.append_validated,
    ],
)
def test_every_replay_takes_all_records(run: object, folder: Path) -> None:
    assert callable(run)
    assert run(str(folder / "recording"))["records"] == RECORDS


def test_every_stage_of_a_replay_has_its_time(folder: Path) -> None:
    spent = stages.stages(str(folder / "recording"))
    assert list(spent) == list(stages.STAGES)
    assert all(spent.values())


def test_a_replay_can_be_gone_as_far_as_any_stage(folder: Path) -> None:
    made = {
        stage: stages.up_to(stage, str(folder / "recording"))
        for stage in ("read", "json", *stages.STAGES)
    }
    assert {made[stage] for stage in ("read", "json", "parse", "decode")} == {RECORDS}
    assert RECORDS > made["fold"] > made["close"] > made["encode"] > 0


def test_the_curve_takes_all_records() -> None:
    assert replaying.curve(700, SEED)["records"] == 700


@pytest.mark.slow
def test_the_curve_runs_its_longest_but_once_and_is_held_against_its_shortest(
    tmp_path: Path,
) -> None:
    sizes = cases.Sizes(2, 0, 0, (), 0, 0, 0, curve=(200, 300))
    first, last = cases.curve(cases.Bench(tmp_path, sizes, SEED, None, lambda _: None))
    assert [len(row.runs) for row in (first, last)] == [2, 1]
    assert (first.target, last.target) == (None, "≤ 1.25 × the first")
    assert last.met == (last.figure <= 1.25 * first.figure)


def test_both_readers_of_the_loop_append_the_same(folder: Path) -> None:
    loop.SESSIONS.clear()
    replaying.append_json(str(folder / "recording"))
    by_json = {session: len(found) for session, found in loop.SESSIONS.items()}
    loop.SESSIONS.clear()
    replaying.append_validated(str(folder / "recording"))
    assert {session: len(found) for session, found in loop.SESSIONS.items()} == by_json


def test_lambda_events_hold_the_records(folder: Path) -> None:
    texts = (folder / "lambda").read_text(encoding="ascii").splitlines()
    assert sum(len(json.loads(text)["Records"]) for text in texts) == RECORDS


@pytest.mark.slow
def test_the_worker_and_the_loop_read_the_stub_to_its_end(stub: Stub, tmp_path: Path) -> None:
    states = (tmp_path / name for name in ("live.sqlite", "start.sqlite"))
    live = measure("runs", "live", stub.endpoint, next(states), RECORDS)
    peer = measure("peers.loop", stub.endpoint, "bench", RECORDS)
    fetched = measure("runs", "fetch", stub.endpoint, RECORDS)
    assert {one["records"] for one in (live, peer, fetched)} == {RECORDS}
    assert measure("start", stub.endpoint, next(states), 0.0)["seconds"] > 0


def test_a_state_has_the_sessions_asked_for_and_takes_commits(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    states.write_state(path, 60, SEED)
    assert states.restore(str(path), 60)["restore_s"] > 0
    assert states.commit(str(path), 60, 100, SEED)["commit_ms"] > 0


@pytest.mark.parametrize("small", [False, True])
def test_aggregates_hold_the_same_records_for_all(small: bool) -> None:
    runs = (aggregates.ours, aggregates.library, aggregates.checksums)
    assert [run(150, SEED, small)["records"] for run in runs] == [150, 150, 150]


def test_a_target_is_met_or_not_by_the_median_and_a_ratio_by_its_rounds(tmp_path: Path) -> None:
    rows = [
        at_least("a", "fast", [90, 110, 130], "records/s", 100),
        at_most("b", "late", [3.0], "s", 2),
        beside("c", "a peer", [20, 40, 60], [10, 10, 60], "records/s", 3),
        Row("d", "no target", 1.0, "s"),
    ]
    assert [row.met for row in rows] == [True, False, False, None]
    assert rows[2].ratio == 2
    machine = {"cpu": "a CPU", "cores": 2, "python": "3.11", "system": "Linux"}
    report = Report("today", machine, {}, {}, {}, rows, ["a peer, for it can't be run"])
    assert "| a | fast | 110 records/s |  | ≥ 100 | yes |" in table(report)
    assert "| c | a peer | 10 records/s | 2.0 × | × ≥ 3 | **no** |" in table(report)
    assert "Left out: a peer, for it can't be run" in table(report)
    write_json(report, tmp_path / "bench.json")
    assert json.loads((tmp_path / "bench.json").read_text())["rows"][0]["runs"] == [90, 110, 130]
