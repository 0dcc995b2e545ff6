"""The soak: its rule on figures made up, and a run of some seconds that it samples in earnest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.soak import soak
from tests.bench.soak_report import Sample, by_minute, judge, report

LAST_START = 60
MINUTES = 120


def at(second: int) -> Sample:
    """A worker that stays as it is, started again at the 61st minute."""
    minute = second // 60
    return Sample(
        at_s=second,
        start=1 + (minute >= LAST_START),
        rss=80_000_000,
        handles=20,
        threads=15,
        state=400_000,
        disk=900_000,
        ledger=1000 * minute,
        log=100 * second,
        occurrences=20 * second,
    )


def verdicts(change: Callable[[Sample], Sample]) -> dict[str, bool]:
    samples = [change(at(second)) for second in range(0, MINUTES * 60 + 30, 10)]
    return {one.what: one.flat for one in judge(by_minute(samples))}


def test_a_worker_that_stays_as_it_is_is_flat() -> None:
    assert all(verdicts(lambda one: one).values())


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("memory (RSS)", lambda one: one._replace(rss=one.rss + int(one.at_s * 50_000))),
        ("open file handles", lambda one: one._replace(handles=20 + int(one.at_s // 60))),
        ("threads", lambda one: one._replace(threads=15 + int(one.at_s // 60))),
        ("state but for the ledger", lambda one: one._replace(state=int(one.at_s * 100))),
        ("its files but for the ledger", lambda one: one._replace(disk=int(one.at_s * 100))),
        ("log per minute", lambda one: one._replace(log=int(one.at_s**2))),
        ("CloudEvents per minute", lambda one: one._replace(occurrences=int(one.at_s**2))),
    ],
)
def test_each_figure_that_grows_is_told_and_it_alone(
    what: str, change: Callable[[Sample], Sample]
) -> None:
    assert {name for name, flat in verdicts(change).items() if not flat} == {what}


def test_what_grows_within_the_warm_up_or_before_the_last_start_is_none_of_the_rule() -> None:
    cold = 30 * 60
    assert all(verdicts(lambda one: one._replace(state=int(min(one.at_s, cold)))).values())
    assert all(verdicts(lambda one: one._replace(rss=9 if one.start == 1 else 5)).values())


def test_a_minute_is_the_median_of_its_samples_and_what_was_added_in_it() -> None:
    rows = by_minute([at(second) for second in range(0, 180, 20)])
    assert [(row.minute, row.log, row.occurrences) for row in rows] == [
        (0, 4000, 800),
        (1, 6000, 1200),
        (2, 6000, 1200),
    ]
    assert [row.ledger for row in rows] == [0, 1000, 2000]


def test_the_report_has_a_row_for_each_verdict_and_minute() -> None:
    text = report(by_minute([at(second) for second in range(0, MINUTES * 60, 10)]))
    assert text.count("| yes |\n") == 7
    assert f"\n| {MINUTES - 1} | 2 | 80.0 | 20 | 15 |" in text
    assert "it grew by 1.0 kB a minute" in text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="figures of a process are read from /proc")
def test_a_worker_is_ended_killed_and_started_again_and_sampled_throughout(tmp_path: Path) -> None:
    samples = soak(tmp_path, length_s=40.0, sessions_a_minute=60, every_s=0.5, seed=1)
    assert {one.start for one in samples} == {1, 2, 3, 4, 5}
    assert samples[-1].occurrences > 50
    for start in range(1, 6):
        last = [one for one in samples if one.start == start][-1]
        assert last.rss > 10_000_000
        assert min(last.handles, last.threads) > 3
    assert [one.log for one in samples] == sorted(one.log for one in samples)
