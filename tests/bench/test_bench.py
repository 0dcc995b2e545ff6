"""Every case of the benchmark, tiny: that it measures what it says, not how fast that is."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import aggregates, cases, programs, replaying, runs, stages, states
from tests.bench.bench import Bench, Sizes
from tests.bench.inputs import SHARDS, events, today_ms, write_inputs
from tests.bench.peers import loop
from tests.bench.processes import measure, program
from tests.bench.stub import BYTES, Shards, Stub, lines_of
from worker.events.decode import decode
from worker.events.occurrence import Ignored

RECORDS = 1200
SEED = 3
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_inputs(folder, RECORDS, SEED)
    return folder


@pytest.fixture
def stub(folder: Path) -> Iterator[Stub]:
    stub = Stub(Shards(lines_of(folder / "recording")))
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


def test_a_recording_of_today_has_ended_and_is_of_no_earlier_day_than_services_take() -> None:
    now = time.time_ns() // 1_000_000
    found = list(events(2_000, SEED, start_ms=today_ms()))
    assert len(found) == 2_000
    assert now - DAY_MS < min(record.arrival for record in found)
    assert max(record.arrival for record in found) < now


def test_an_answer_is_as_large_as_what_is_asked_for_and_what_the_service_allows() -> None:
    def counted(answer: bytes) -> int:
        return len(json.loads(answer)["Records"])

    small = Shards({"s": [b'{"Data":""}'] * 25_000})
    assert [counted(small.records(f"s/{n}")) for n in (0, 10_000, 20_000, 25_000)] == [
        *(10_000, 10_000, 5_000, 0)
    ]
    assert counted(small.records("s/0", most=2_000)) == 2_000
    large = json.dumps({"Data": "A" * (1 << 20)}).encode()
    assert counted(Shards({"s": [large] * 100}).records("s/0")) == BYTES * 4 // 3 // len(large)


def test_only_the_last_answer_of_a_shard_says_that_it_is_near_the_tip() -> None:
    shards = Shards({"s": [b'{"Data":""}'] * 3})
    first, last = (json.loads(shards.records(f"s/{n}", most=2)) for n in (0, 2))
    assert (first["NextShardIterator"], last["NextShardIterator"]) == ("s/2", "s/3")
    assert first["MillisBehindLatest"] > last["MillisBehindLatest"] > 0


@pytest.mark.parametrize(
    "run",
    [
        replaying.replay,
        replaying.replay_as_live,
        replaying.replay_files,
        replaying.oracle,
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


def test_every_stage_can_take_all_records_before_the_next_one(folder: Path) -> None:
    made = stages.in_turn(str(folder / "recording"))
    assert list(made) == ["json", *stages.STAGES, "records"]
    assert {made[stage] for stage in ("records", "json", "parse", "decode")} == {RECORDS}
    assert RECORDS > made["fold"] > made["close"] > made["encode"] > 0


def test_sums_are_those_of_the_series_without_dimensions(folder: Path) -> None:
    found = replaying.sums(str(folder / "recording"))
    sessions, of_them = found["SessionsEnded"]
    assert sessions == of_them == found["SessionsStarted"][0] > 0
    assert found["TtsLatency"][1] > found["TtsLatency"][0] > 0


def test_a_measurement_that_there_is_not_is_refused() -> None:
    for given in (("nothing",), ("replay",), ("fetch", "an endpoint", "1", "more")):
        with pytest.raises(SystemExit, match="no such measurement"):
            runs.run(*given)


def test_the_curve_takes_all_records() -> None:
    assert replaying.curve(700, SEED)["records"] == 700


@pytest.mark.slow
def test_the_curve_runs_its_longest_but_once_and_is_held_against_its_shortest(
    tmp_path: Path,
) -> None:
    sizes = Sizes(2, 0, (0, 0), (), 0, 0, (200, 300), 0, (0, 0), 0, ())
    first, last = cases.curve(Bench(tmp_path, sizes, SEED, None, None, lambda _: None))
    assert first.figure
    assert last.figure
    assert [len(row.runs) for row in (first, last)] == [2, 1]
    assert (first.target, last.target) == (None, "≤ 1.1 × the first")
    assert last.met == (last.figure <= 1.1 * first.figure)


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


def test_every_program_is_a_measurement_that_there_is(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path, Sizes(1, 9, (9, 1), (), 0, 9, (), 9, (9, 1), 0, ()), SEED, "p", None, print
    )
    beside = (
        programs.replays(bench, tmp_path),
        programs.from_files(bench, tmp_path),
        programs.lives(bench, "http://127.0.0.1:1", tmp_path, 9, tmp_path / "state"),
        programs.opened(bench, 9, "small"),
    )
    made = [run() for named in beside for run in named.values()]
    for one in made:
        if one.module == "runs":
            name, *arguments = one.arguments
            assert len(runs.RUNS[str(name)][1]) == len(arguments)
        else:
            assert (Path(programs.__file__).parent / f"{one.module.replace('.', '/')}.py").exists()
    assert {one.python for one in made} == {"p", sys.executable}


@pytest.mark.slow
def test_the_worker_and_the_loop_read_the_stub_to_its_end(stub: Stub, tmp_path: Path) -> None:
    states = (tmp_path / name for name in ("live.sqlite", "start.sqlite"))
    live = measure(program("runs", "live", stub.endpoint, next(states), RECORDS))
    peer = measure(program("peers.loop", stub.endpoint, "bench", RECORDS))
    fetched = measure(program("runs", "fetch", stub.endpoint, RECORDS))
    assert {one["records"] for one in (live, peer, fetched)} == {RECORDS}
    assert measure(program("start", stub.endpoint, next(states), 0.0))["seconds"] > 0


def test_a_state_has_the_sessions_asked_for_and_takes_commits(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    states.write_state(path, 60, SEED)
    assert states.restore(str(path), 60)["restore_s"] > 0
    assert states.commit(str(path), 60, 100, SEED)["commit_ms"] > 0


@pytest.mark.parametrize("size", ["events", "small"])
def test_aggregates_hold_the_same_records_for_all(size: str) -> None:
    readers = (aggregates.ours, aggregates.library, aggregates.checksums)
    assert [read(150, SEED, size)["records"] for read in readers] == [150, 150, 150]
