"""What the worker tells its operator: once, in numbers, and no more often than is of use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from worker.metrics.series import Series
from worker.objectstore import api as objects
from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry
from worker.outbox.ledger import Note
from worker.partition.accounting import ACCOUNTED
from worker.service.letter_news import LetterNews
from worker.service.ports import Clocks, WorkerStatus
from worker.service.shards import ShardProgress
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.clocks import AGREE_WITHIN, ClockDoubt
from worker.sources.kinesis.reader_events import BackedOff, ClocksDiffer, FoundAgain, StageChanged
from worker.sources.kinesis.shard_consumer import ShardStage
from worker.state.store import Backlog
from worker.telemetry.readiness import LASTING
from worker.telemetry.repeats import AT_ONCE, EVERY_S
from worker.telemetry.worker_log import WorkerLog

NOON = 1_790_942_400_000
ENTRY = Entry(7, "metrics", b"[[]]", 1_790_942_400_000, attempts=2, ambiguous=1)
PROGRESS = WorkerStatus(
    1_790_942_400_000,
    12,
    3,
    {**dict.fromkeys(ACCOUNTED, 0), "occurrences": 9},
    Backlog(3, 70, 1, 1_790_942_400_000),
    backpressure=0.25,
    shards={"shard-0": ShardProgress(1500, 1_790_942_400_000, paused=False)},
    state_size=0,
    commit_s=0,
    window={},
    waits=Counter(),
    found_sparse=False,
    records=[],
    letters=LetterNews(Counter(), []),
)


class Clock:
    """Moved by hand; seconds."""

    def __init__(self) -> None:
        self.now = 100.0


def log_by(clock: Clock) -> WorkerLog:
    return WorkerLog(Clocks(lambda: clock.now, lambda: NOON + int(1000 * (clock.now - 100))))


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def test_progress_is_told_at_once_and_then_once_a_minute(lines: list[Any]) -> None:
    clock = Clock()
    log = log_by(clock)
    for seconds in range(181):
        clock.now = 100.0 + seconds
        log.progress(PROGRESS)
    assert len(lines) == 4


def test_progress_carries_time_lag_backlog_and_every_counter(lines: list[Any]) -> None:
    log_by(Clock()).progress(PROGRESS)
    assert lines == [
        {
            "event": "progress",
            "log_level": "info",
            "stream_time": "2026-10-02T12:00:00.000Z",
            "behind_ms": 1500,
            "sessions_held": 12,
            "outbox": 3,
            "outbox_bytes": 70,
            "ambiguous": 1,
            "backpressure": 0.25,
            "lines_left_out": 0,
            **PROGRESS.counters,
        }
    ]


def test_numbers_that_do_not_follow_one_another_are_a_warning_once(lines: list[Any]) -> None:
    log = log_by(Clock())
    counters = {**PROGRESS.counters, "sessions_closed": 60, "sparse_sessions": 40}
    for _ in range(2):
        log.progress(PROGRESS._replace(found_sparse=True, counters=counters))
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert [(line["sessions_closed"], line["sparse"]) for line in warnings] == [(60, 40)]


def test_before_anything_is_read_there_is_no_stream_time(lines: list[Any]) -> None:
    log_by(Clock()).progress(PROGRESS._replace(stream_time=None))
    assert lines[0]["stream_time"] is None


@pytest.mark.parametrize(
    "outcome", [one for one in DeliveryOutcome if one is not DeliveryOutcome.APPLIED]
)
def test_what_was_not_sent_is_a_warning_with_its_reason(
    outcome: DeliveryOutcome, lines: list[Any]
) -> None:
    log_by(Clock()).sent(ENTRY, outcome, "ReadTimeoutError")
    (line,) = lines
    assert line["log_level"] == "warning"
    assert (line["entry"], line["kind"], line["attempt"]) == (7, "metrics", 3)
    assert (line["outcome"], line["error"]) == (outcome.value, "ReadTimeoutError")


def test_what_was_sent_is_told_to_those_who_look_for_it_only(lines: list[Any]) -> None:
    log_by(Clock()).sent(ENTRY, DeliveryOutcome.APPLIED, "")
    assert [line["log_level"] for line in lines] == ["debug"]


def test_what_is_lost_of_a_request_that_was_applied_is_a_warning(lines: list[Any]) -> None:
    log_by(Clock()).sent(ENTRY, DeliveryOutcome.APPLIED, "3 of it rejected: too old")
    (line,) = lines
    assert (line["log_level"], line["outcome"]) == ("warning", "applied")
    assert line["error"] == "3 of it rejected: too old"


def test_a_failed_call_is_told_with_what_it_means_and_when_the_next_is(lines: list[Any]) -> None:
    failure = StreamFailure(StreamFailureKind.THROTTLED, "too fast")
    log_by(Clock()).reader_event(BackedOff("shard-1", failure, 4, 900))
    (line,) = lines
    assert line["log_level"] == "warning"
    told = {name: line[name] for name in ("shard", "why", "detail", "attempt", "wait_ms")}
    assert told == {
        "shard": "shard-1",
        "why": "throttled",
        "detail": "too fast",
        "attempt": 4,
        "wait_ms": 900,
    }


def test_a_stream_that_can_not_be_read_for_a_minute_is_an_error_until_it_is_found_again(
    lines: list[Any],
) -> None:
    clock = Clock()
    log = log_by(clock)
    log.started("calls", 0)
    lines.clear()
    for attempt in range(1, LASTING + 1):
        clock.now += EVERY_S
        log.reader_event(
            BackedOff("", StreamFailure(StreamFailureKind.GONE, "no stream"), attempt, 250)
        )
    log.reader_event(FoundAgain(LASTING))
    assert [line["log_level"] for line in lines] == ["warning"] * (LASTING - 1) + ["error", "info"]
    assert (lines[-2]["event"], lines[-2]["why"]) == ("the stream can't be read", "gone")


def test_a_failed_survey_is_of_no_shard(lines: list[Any]) -> None:
    log_by(Clock()).reader_event(
        BackedOff("", StreamFailure(StreamFailureKind.GONE, "no stream"), 1, 250)
    )
    assert lines[0]["shard"] is None


def test_a_failed_call_to_the_state_says_what_was_asked_of_which_key_and_why_it_failed(
    lines: list[Any],
) -> None:
    failure = objects.StoreFailure(objects.StoreFailureKind.UNKNOWN, "PutObject: SlowDown (503)")
    log_by(Clock()).state_call_failed(
        CallFailed("put", "manifest", failure, 3, 0.4567, "s3://b/state")
    )
    assert lines == [
        {
            "event": "state call failed",
            "log_level": "warning",
            "operation": "put",
            "at": "s3://b/state",
            "object": "manifest",
            "why": "unknown",
            "detail": "PutObject: SlowDown (503)",
            "attempt": 3,
            "wait_ms": 457,
        }
    ]


def test_a_shards_life_is_told(lines: list[Any]) -> None:
    log_by(Clock()).reader_event(StageChanged("shard-1", ShardStage.ENDED))
    assert (lines[0]["shard"], lines[0]["stage"]) == ("shard-1", "ended")


def test_a_gap_is_an_error_and_the_test_event_shows_its_id(lines: list[Any]) -> None:
    log = log_by(Clock())
    log.gap("shard-1")
    log.test_event("T1")
    assert (lines[0]["log_level"], lines[0]["shard"]) == ("error", "shard-1")
    assert (lines[1]["log_level"], lines[1]["test_id"]) == ("info", "T1")


def test_entries_that_nobody_will_send_are_a_warning_that_names_their_kinds(
    lines: list[Any],
) -> None:
    log_by(Clock()).stranded(["otlp", "toy"])
    assert (lines[0]["log_level"], lines[0]["kinds"]) == ("warning", ["otlp", "toy"])


def test_start_and_end_are_told_with_what_was_there_and_what_is_left(lines: list[Any]) -> None:
    log = log_by(Clock())
    log.started("calls", 5)
    log.stopped(Backlog(2, 50, 1, 1_790_942_400_000))
    log.never_began()
    assert (lines[0]["stream"], lines[0]["sessions_restored"]) == ("calls", 5)
    assert (lines[1]["left_in_outbox"], lines[1]["ambiguous"]) == (2, 1)
    assert [line["log_level"] for line in lines] == ["info", "info", "info"]


def test_what_ends_the_worker_is_an_error_and_a_defect_shows_where(lines: list[Any]) -> None:
    log = log_by(Clock())
    log.failed("another worker has taken it")
    try:
        raise KeyError("a defect")
    except KeyError:
        log.crashed()
    assert [line["log_level"] for line in lines] == ["error", "error"]
    assert lines[0]["error"] == "another worker has taken it"
    assert lines[1]["exc_info"]


def test_metrics_that_may_count_twice_or_were_given_up_are_told_with_their_bound(
    lines: list[Any],
) -> None:
    log = log_by(Clock())
    counts = ((Series("Tokens", ()), 1_790_942_400_000, 5), (Series("Words", ()), 0, 2))
    log.noted(Note(7, "metrics", 1, 1, counts))
    log.noted(Note(8, "metrics", 1, 3, counts))
    log.noted(Note(9, "metrics", 0, 1, counts))
    assert [
        (one["event"], one["samples_at_most"], one["of_one_minute_at_most"]) for one in lines
    ] == [
        ("metrics may be counted more than once", 14, 10),
        ("metrics given up", 7, 5),
    ]


def test_answers_parsed_the_slow_way_are_told_ever_more_rarely(lines: list[Any]) -> None:
    log = log_by(Clock())
    for answers in range(1, 1200):
        log.parsed_slowly(answers)
    assert [line["answers"] for line in lines] == [1, 10, 100, 1000]


def test_while_the_stream_is_not_reached_each_line_says_why_and_where(lines: list[Any]) -> None:
    log = log_by(Clock())
    away = StreamFailure(
        StreamFailureKind.UNAVAILABLE, "Could not connect to the endpoint URL: http://h:1/"
    )
    log.reader_event(BackedOff("", away, 1, 400))
    log.started("calls", 0)
    log.reader_event(BackedOff("", away, 1, 400))
    assert [line["event"] for line in lines] == [
        "stream not reached yet",
        "started",
        "stream call failed",
    ]
    for line in (lines[0], lines[2]):
        assert (line["why"], line["detail"]) == ("unavailable", away.detail)
        assert line["wait_ms"] == 400


def test_what_fails_many_times_a_second_is_told_now_and_then_with_how_much_was_left_out(
    lines: list[Any],
) -> None:
    clock = Clock()
    log = log_by(clock)
    denied = StreamFailure(StreamFailureKind.DENIED, "no")
    hour, a_second = 3600, 20
    for n in range(hour * a_second):
        clock.now = 100.0 + n / a_second
        log.reader_event(BackedOff(f"shard-{n % 60}", denied, 99, 400))
    assert len(lines) <= AT_ONCE + hour / EVERY_S + 1
    told = len(lines) + sum(line.get("left_out", 0) for line in lines)
    assert hour * a_second - a_second * EVERY_S <= told <= hour * a_second
    clock.now += 60
    log.progress(PROGRESS)
    assert lines[-1]["lines_left_out"] == hour * a_second - (len(lines) - 1)


def test_lines_of_another_kind_are_told_however_much_the_first_repeats(lines: list[Any]) -> None:
    log = log_by(Clock())
    for _ in range(50):
        log.sent(ENTRY, DeliveryOutcome.NOT_APPLIED, "PutMetricData: Throttling: Rate exceeded")
    log.sent(ENTRY, DeliveryOutcome.AMBIGUOUS, "ReadTimeoutError")
    assert len(lines) == AT_ONCE + 1
    assert lines[-1]["outcome"] == "ambiguous"


def test_clocks_that_differ_are_told_with_both_times(lines: list[Any]) -> None:
    log_by(Clock()).reader_event(ClocksDiffer("shard-1", ClockDoubt(NOON + 86_400_000, NOON)))
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("the clocks differ", "warning")
    assert (line["service"], line["machine"]) == (
        "2026-10-03T12:00:00.000Z",
        "2026-10-02T12:00:00.000Z",
    )
    assert line["apart_ms"] == 86_400_000


def test_stream_time_ahead_of_the_machines_clock_is_told_each_minute(lines: list[Any]) -> None:
    clock = Clock()
    log = log_by(clock)
    for ahead, told in ((AGREE_WITHIN - 60_000, False), (86_400_000, True)):
        clock.now += 60
        log.progress(PROGRESS._replace(stream_time=NOON + ahead))
        warned = lines[-1]["event"] == "stream time is ahead of this machine's clock"
        assert warned == told


def test_a_port_is_told_with_whether_the_page_is_there_and_what_would_turn_it_on(
    lines: list[Any],
) -> None:
    log = log_by(Clock())
    for page, setting in ((True, "auto"), (False, "auto"), (False, "off")):
        log.served(8080, page, setting)
    assert [(line["page"], "to_see_it" in line) for line in lines] == [
        ("on", False),
        ("off", True),
        ("off", False),
    ]


def test_a_page_that_fails_is_an_error_with_its_path_and_where_it_happened(
    lines: list[Any],
) -> None:
    try:
        raise LookupError
    except LookupError:
        log_by(Clock()).page_failed("/page/x")
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("a view of the page failed", "error")
    assert (line["path"], line["exc_info"]) == ("/page/x", True)
