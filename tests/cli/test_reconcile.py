"""The command ``reconcile``, after a run in which CloudWatch failed in every way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.flaky import Rates, flaky
from tests.live import Aws, beyond, but_for_the_close, last_revisions, replayed, statistics, working
from tests.processes import AWS, run
from worker.outbox.ledger import Note
from worker.state.sqlite.view import notes_since
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

SESSIONS: Final = 8
SUMMED_BY_THE_EMULATOR: Final = ("Interruptions", "SessionsEnded", "Errors")
"""Metrics with a dimension of their own: asked for without it, moto answers with all series."""


def bounds(notes: Iterable[Note]) -> Iterator[dict[str, Any]]:
    """The bound A of each series' minute, in the form of datums."""
    for note in notes:
        for series, minute, count in note.counts:
            dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions]
            yield {
                "MetricName": series.metric,
                "Dimensions": dimensions,
                "Timestamp": minute // 1000,
                "Values": [0],
                "Counts": [count * (note.max_count - note.min_count)],
            }


def told(endpoint: str, folder: Path, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    place = ("--state", str(folder / "state.sqlite"), "--namespace", "Flaky")
    where = ("--endpoint-url", endpoint, "--last", "6h", "--json")
    done = run("reconcile", *place, *where, *options, cwd=folder, env=AWS)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_half_the_calls_failing_and_a_tenth_timing_out_lose_nothing_and_the_bound_says_how_much(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "flaky")
    half_an_hour_ago = time.time_ns() // 1_000_000 - 1_800_000
    traffic = Traffic(
        sessions=SESSIONS, start_ms=half_an_hour_ago, spread_s=120.0, delay_median_s=0.0
    )
    aws.feed(simulated_records(traffic, 11))
    # the emulator adds a metric's series by dimension to the one without any
    offline = replayed(aws.put, tmp_path, {"VOICE_INSIGHTS_DIMENSIONS": "{}"})
    with flaky(endpoint, Rates(errors=0.5, timeouts=0.1), 4) as (cloudwatch, fates):
        apart = {"AWS_ENDPOINT_URL_KINESIS": endpoint, "AWS_ENDPOINT_URL_CLOUDWATCH": cloudwatch}
        own: dict[str, Any] = {"namespace": "Flaky", "dimensions": "{}", "send_timeout_s": 2}
        with working(aws, tmp_path, env={**AWS, **apart}, endpoint_url="", **own) as worker:
            worker.wait_for_sessions(SESSIONS)
            assert worker.end() == 0
            out = worker.out
    assert fates["500 after"] > 0
    assert but_for_the_close(last_revisions(out)) == but_for_the_close(offline.records)

    wanted = offline.statistics
    notes = notes_since(worker.state_file, 0)
    bound = statistics(bounds(notes))
    assert sum(total.samples for total in bound.values()) > 0
    for series, more in beyond(aws.statistics("Flaky", wanted), wanted).items():
        assert 0 <= more.samples <= bound[series].samples, series

    _, rows, summary = told(endpoint, tmp_path, "--all")
    exact = [row for row in rows if row["metric"] not in SUMMED_BY_THE_EMULATOR]
    assert {row["verdict"] for row in exact} <= {"exact", "within the bound"}
    assert sum(row["must"] for row in exact) == sum(
        total.samples for key, total in wanted.items() if key[0] not in SUMMED_BY_THE_EMULATOR
    )
    assert "within the bound" in summary


def test_a_span_that_the_ledger_can_not_know_is_refused(tmp_path: Path) -> None:
    for options in (("--last", "16d"), ("--last", "0")):
        done = run("reconcile", *options, cwd=tmp_path, env=AWS)
        assert done.returncode == 2
        assert "15 days" in done.stderr
    done = run("reconcile", "--state", "nowhere.sqlite", cwd=tmp_path, env=AWS)
    assert done.returncode == 2
    assert "nowhere.sqlite" in done.stderr
