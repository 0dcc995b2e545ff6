"""The collector of telemetry: it counts events, and reports once a minute."""

from __future__ import annotations

import pytest

from tests.telemetry.progresses import NOW, progress
from worker.metrics.series import Series
from worker.objectstore.api import StoreFailure as S3Failure
from worker.objectstore.api import StoreFailureKind as S3FailureKind
from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry
from worker.outbox.ledger import Note
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.reader_events import BackedOff, ClocksDiffer
from worker.telemetry.collector import TelemetryCollector
from worker.telemetry.snapshot import TelemetrySnapshot

ENTRY = Entry(7, "metrics", b"[[]]", NOW, attempts=0, ambiguous=0)


class Watching:
    """A watch with a clock moved by hand, and what it reports."""

    def __init__(self) -> None:
        self.wall = NOW
        self.reports: list[TelemetrySnapshot] = []
        self.reported_at: list[int] = []
        self.watch = TelemetryCollector(lambda: self.wall, lambda: 4, self._report)

    def _report(self, snapshot: TelemetrySnapshot, at: int) -> None:
        self.reports.append(snapshot)
        self.reported_at.append(at)


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.mark.parametrize("every_s", [1, 7, 13, 29, 59])
def test_every_minute_of_the_clock_in_which_is_committed_has_one_report(
    watching: Watching, every_s: int
) -> None:
    for seconds in range(0, 600, every_s):
        watching.wall = NOW + 1000 * seconds
        watching.watch.progress(progress())
    assert len(watching.reports) == 10
    assert len({at // 60_000 for at in watching.reported_at}) == 10


def test_without_a_commit_there_is_no_report(watching: Watching) -> None:
    watching.wall += 3_600_000
    watching.watch.sent(ENTRY, DeliveryOutcome.APPLIED, "")
    assert watching.reports == []
    assert watching.watch.snapshot() is None


def test_what_is_told_is_counted(watching: Watching) -> None:
    for outcome in DeliveryOutcome:
        watching.watch.sent(ENTRY, outcome, "")
    watching.watch.reader_event(
        BackedOff("s", StreamFailure(StreamFailureKind.THROTTLED, "slow down"), 1, 200)
    )
    failed = S3Failure(S3FailureKind.UNKNOWN, "slow down")
    watching.watch.state_call_failed(CallFailed("put", "manifest", failed, 1, 0.1))
    watching.watch.progress(progress())
    (snapshot,) = watching.reports
    names = ("Applied", "Refused", "Invalid", "Ambiguous", "Dropped", "TooOld")
    assert [snapshot.values[f"Requests{name}"] for name in names] == [1] * 6
    assert snapshot.values["StreamCallsFailed"] == 1
    assert snapshot.values["StateCallsFailed"] == 1
    assert snapshot.values["LogLinesDropped"] == 4


def test_the_bound_is_added_up_and_the_widest_is_that_of_the_minute(watching: Watching) -> None:
    series = Series("SttLatency", ())
    watching.watch.progress(progress())
    for most, count in ((1, 50), (2, 5), (3, 1)):
        watching.watch.noted(Note(1, "metrics", 1, most, ((series, NOW, count),)))
    for _ in range(2):
        watching.wall += 60_000
        watching.watch.progress(progress())
    _, during, after = watching.reports
    assert (during.values["SurplusBound"], during.values["SurplusBoundWidest"]) == (7, 5)
    assert (after.values["SurplusBound"], after.values["SurplusBoundWidest"]) == (7, 0)


def test_asking_for_a_reading_takes_nothing_from_the_report(watching: Watching) -> None:
    watching.watch.progress(progress(commit_s=0))
    watching.watch.progress(progress(commit_s=0.5))
    for _ in range(3):
        assert watching.watch.snapshot() is not None
    watching.wall += 60_000
    watching.watch.progress(progress(commit_s=0.1))
    assert watching.reports[-1].values["CommitTime"] == 500
    asked = watching.watch.snapshot()
    assert asked is not None
    assert asked.values["CommitTime"] == 500


def test_how_long_ago_the_last_commit_was_shows_while_none_follows(watching: Watching) -> None:
    watching.watch.progress(progress())
    watching.wall += 90_000
    asked = watching.watch.snapshot()
    assert asked is not None
    assert asked.values["CommitAge"] == 90_000


def test_the_farthest_that_the_clocks_were_apart_is_told_for_its_minute(
    watching: Watching,
) -> None:
    watching.watch.progress(progress())
    for apart in (400_000, 86_400_000, 300_001):
        watching.watch.reader_event(ClocksDiffer("s", ClockDoubt(NOW + apart, NOW)))
    for _ in range(2):
        watching.wall += 60_000
        watching.watch.progress(progress())
    assert [one.values["ClockDoubt"] for one in watching.reports] == [0, 86_400_000, 0]
