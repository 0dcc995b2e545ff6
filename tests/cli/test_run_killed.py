"""``run`` killed again and again amid its work, as no handler and no ``finally`` can notice."""

from __future__ import annotations

import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import pytest

from tests.flaky import Fate, Told, way_to
from tests.live import (
    Aws,
    Live,
    beyond,
    bounds,
    calls,
    last_revisions,
    portion,
    replayed,
    working,
)
from tests.processes import AWS
from tests.s3_live import Kept, exact_but_for, working_in
from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.state.sqlite.view import notes_since, waiting_notes
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow

SEED: Final = 7
SESSIONS: Final = 2
"""Of the portion that is put before each start."""

QUICK: Final[dict[str, Any]] = {
    "close_after_wrap_up_s": 1,
    "close_idle_s": 1,
    "hold_max_s": 14_400,
    "commit_every_s": 0.05,
}
"""A session closes before it tells turns, which then stay as they are."""

LONGEST_PAUSE_S: Final = 0.05
GOES_ON_S: Final = 0.8
"""How long a worker goes on at most once it has taken a state in a bucket."""

RECORDS: Final = "records"


class Moment(NamedTuple):
    """When to kill a worker: once it has come further in some respect than all before it."""

    times: int
    far: Callable[[Live, Counter[Fate]], int]
    fate: Fate = "well"
    """Of its requests to CloudWatch."""


def _sent(worker: Live, _: Counter[Fate]) -> int:
    """How many requests have been made, if there is none to make."""
    return 0 if worker.peek().outbox else len(notes_since(worker.state_file, 0))


MOMENTS: Final = (
    Moment(4, lambda worker, _: worker.epoch),
    Moment(4, lambda worker, _: worker.state.counters.get("occurrences", 0)),
    Moment(5, lambda worker, _: worker.peek().evicted),
    Moment(13, _sent),
    # amid a request, before CloudWatch has it and after
    Moment(2, lambda _, met: met["timeout"], "timeout"),
    Moment(2, lambda _, met: met["timeout after"], "timeout after"),
)
"""It has begun, read something, told a session to its end, sent everything, or is sending."""

KILLS: Final = sum(moment.times for moment in MOMENTS)


def test_killed_thirty_times_it_loses_nothing_and_counts_twice_no_more_than_it_says(
    endpoint: str, tmp_path: Path
) -> None:
    random = Random(SEED)
    moments = random.sample(MOMENTS, KILLS, counts=[moment.times for moment in MOMENTS])
    assert len(moments) == 30
    aws = Aws(endpoint, "killed")
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    told = Told()
    with way_to(endpoint, told) as (cloudwatch, met):
        env = {**AWS, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch}
        own: dict[str, Any] = {**QUICK, "env": env, "endpoint_url": "", "namespace": "Killed"}
        own["records"] = tmp_path / "killed" / RECORDS
        for number, moment in enumerate(moments):
            _feed(aws, number)
            told.fate = moment.fate
            _kill(moment, met, tmp_path / "killed", aws, own, random)
        told.fate = "well"
        with working(aws, tmp_path / "killed", **own) as worker:
            worker.wait_for_sessions(KILLS * SESSIONS)
            assert worker.end() == 0
    killed = worker.state
    own = {**QUICK, "namespace": "Undisturbed", "records": tmp_path / "whole" / RECORDS}
    with working(aws, tmp_path / "whole", **own) as undisturbed:
        undisturbed.wait_for_sessions(KILLS * SESSIONS)
        assert undisturbed.end() == 0
    lines = [_whole((tmp_path / name / RECORDS).read_bytes()) for name in ("killed", "whole")]
    assert last_revisions(lines[0]) == last_revisions(lines[1])
    assert _told_in_two_ways(lines[0]) == []
    assert killed.counters == undisturbed.state.counters
    assert killed.positions.keys() == undisturbed.state.positions.keys()
    assert _letters(tmp_path / "killed") == _letters(tmp_path / "whole") != set()

    offline = replayed(aws.put, tmp_path)
    expected = aws.statistics("Undisturbed", offline.statistics)
    assert beyond(expected, offline.statistics) == {}
    twice = beyond(aws.statistics("Killed", expected), expected)
    assert waiting_notes(worker.state_file, {METRIC_KIND: DATUMS}) == []
    bound = {
        series: total.samples
        for series, total in bounds(notes_since(worker.state_file, 0)).items()
        if total.samples
    }
    for series, more in twice.items():
        assert 0 < more.samples <= bound.get(series, 0), series
    assert 0 < len(twice) < len(expected) / 2, "most minutes are exact"
    notes = [one for one in notes_since(worker.state_file, 0) if one.kind == METRIC_KIND]
    assert sum(one.max_count for one in notes) <= sum(met.values()) + KILLS, "no doubt too many"


def _feed(aws: Aws, number: int) -> None:
    """A portion of its own minutes, so that each series shows what became of which."""
    aws.feed(portion(SESSIONS, SEED * 1000 + number, ago_s=13_200 - number * 420))


def _kill(
    moment: Moment,
    met: Counter[Fate],
    folder: Path,
    aws: Aws,
    settings: dict[str, Any],
    random: Random,
) -> None:
    worker = Live(folder)
    before = moment.far(worker, met) if worker.epoch else 0
    with working(aws, folder, live=worker, **settings):
        worker.wait_for(
            lambda: worker.begun and moment.far(worker, met) > before, "a moment to kill it"
        )
        time.sleep(random.random() * LONGEST_PAUSE_S)
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL


def _whole(lines: bytes) -> bytes:
    """The lines that no crash has torn, each once."""
    return b"\n".join(sorted({line for line in lines.splitlines() if line.endswith(b"}")}))


def _told_in_two_ways(lines: bytes) -> list[tuple[str, int]]:
    """The revisions of sessions that records of different contents claim to be."""
    forms: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for line in lines.splitlines():
        for record in last_revisions(line).values():
            forms[record["session_id"], record["revision"]].add(line)
    return [revision for revision, told in forms.items() if len(told) > 1]


def _letters(folder: Path) -> set[bytes]:
    return set((folder / "dead-letters.jsonl").read_bytes().splitlines())


def test_killed_with_its_state_in_a_bucket_its_numbers_are_those_of_a_run_without(
    endpoint: str, tmp_path: Path
) -> None:
    kills, sessions = 6, 15
    random = Random(kills)
    aws = Aws(endpoint, "killed-in-a-bucket", shards=4)
    aws.feed(simulated_records(calls(sessions), kills))
    offline = replayed(aws.put, tmp_path)
    kept = Kept(aws, "killed")
    settings: dict[str, Any] = {"namespace": "Bucket", "commit_every_s": 0.02}
    for _ in range(kills):
        with working_in(kept, aws, tmp_path / "one", **settings) as worker:
            worker.wait_for(partial(_has_begun, worker), "its begin")
            time.sleep(random.random() * GOES_ON_S)
            assert worker.end(signal.SIGKILL) < 0
    with working_in(kept, aws, tmp_path / "one", **settings) as worker:
        worker.wait_for_sessions(sessions)
        assert worker.end() == 0
    exact_but_for(aws, kept, "Bucket", offline)


def _has_begun(worker: Live) -> bool:
    return worker.begun
