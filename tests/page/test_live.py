"""Answers of the live page: what is known, since when, and nothing of what is only half known."""

from __future__ import annotations

from collections import Counter
from functools import cache
from threading import Event
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.page.calls import records
from tests.page.feeding import BOUNDS, FedPage, commits_of
from tests.processes import LONGEST_S
from tests.telemetry.progresses import NOW, progress
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.page.bins import bins_over
from worker.page.fleet import SERIES_LATENCIES
from worker.page.live import COMMITS_WAITING
from worker.page.live_fleet import span_of
from worker.page.static import INDEX, SCRIPTS, STYLES
from worker.partition.commit_outputs import SeriesMinute
from worker.service.ports import WorkerStatus
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import MINUTE, minute_of


@cache
def commits() -> list[WorkerStatus]:
    return list(commits_of(simulated_records(Traffic(sessions=12, spread_s=300), 4)))


def test_before_the_first_commit_it_says_so() -> None:
    answer = FedPage().page.answer("/page/data/fleet.json", {})
    assert answer.status == 503
    assert "not committed yet" in answer.text


def test_rows_come_by_cursor_once_each_and_from_the_start_for_another_worker() -> None:
    fed, seen, after = FedPage(), [], "0"
    for start in range(0, len(commits()), 40):
        fed.feed(commits()[start : start + 40])
        answer = fed.data("sessions.json", after=after, run=_run(fed))
        seen += [row["cursor"] for row in answer["rows"]]
        after = str(answer["next"])
    assert seen == sorted(set(seen))
    whole = fed.data("sessions.json")["rows"]
    assert len(whole) == 12
    assert fed.data("sessions.json", after=after, run=_run(fed))["rows"] == []
    assert fed.data("sessions.json", after=after, run="other")["rows"] == whole


def _run(fed: FedPage) -> str:
    return str(fed.data("pipeline.json")["run"])


def test_a_closed_session_is_had_from_memory_and_any_other_one_from_the_state() -> None:
    asked: list[str] = []
    one = records()[0]

    def find(sid: str) -> list[object]:
        asked.append(sid)
        return [one] if sid == one.session_id else []

    fed = FedPage(find)  # type: ignore[arg-type]
    fed.feed(commits())
    row = fed.data("sessions.json")["rows"][0]
    for sid in (row["sid"], row["call"]):
        (found,) = fed.data(f"call/{sid}.json")
        assert found["record"]["session_id"] == row["sid"]
        assert found["row"]["longest"] == row["longest"]
    assert asked == []
    (open_one,) = fed.data(f"call/{one.session_id}.json")
    assert open_one["record"]["call_sid"] == one.call_sid
    assert fed.page.answer("/page/data/call/VX1.json", {}).status == 404
    assert fed.page.answer("/page/data/call/a b.json", {}).status == 404
    assert asked == [one.session_id, "VX1"]


def test_a_search_that_must_wait_is_busy_and_not_a_missing_call() -> None:
    fed = FedPage(lambda _sid: None)
    fed.feed(commits())
    answer = fed.page.answer("/page/data/call/VX1.json", {})
    assert (answer.status, dict(answer.headers)["Retry-After"]) == (503, "1")


def test_a_fleet_is_of_the_minutes_asked_for_up_to_stream_time() -> None:
    fed = FedPage()
    fed.feed(commits())
    end = commits()[-1].stream_time
    assert end is not None
    for minutes in (15, 60, 360):
        answer = fed.data("fleet.json", minutes=str(minutes))
        fleet = answer["fleet"]
        until = fleet["start"] + fleet["width"] * fleet["count"]
        assert minute_of(end) < until <= minute_of(end) + MINUTE + fleet["width"]
        assert until - fleet["start"] >= minutes * MINUTE
    assert fed.data("fleet.json")["fleet"]["width"] == MINUTE
    assert answer["settled"] == minute_of(end - 660_000)
    assert answer["fleet"]["totals"]["sessions"] == 12


def test_a_longer_span_is_made_anew_less_often() -> None:
    fed = FedPage()
    fed.feed(commits()[:40])
    fed.now = fed.data("fleet.json")["now"]
    for minutes, kept_ms in ((60, 5_000), (360, 30_000)):
        made = fed.data("fleet.json", minutes=str(minutes))
        fed.now += kept_ms - 1
        assert fed.data("fleet.json", minutes=str(minutes)) == made
        fed.now += 1
        assert fed.data("fleet.json", minutes=str(minutes))["now"] == fed.now


def test_what_changes_with_commits_alone_has_a_tag_that_does() -> None:
    fed = FedPage()
    fed.feed(commits()[:12])
    asked = [
        *(("fleet.json", {"minutes": minutes}) for minutes in ("60", "360")),
        *(("sessions.json", {"after": after, "run": _run(fed)}) for after in ("0", "1")),
    ]

    def tags() -> list[str]:
        answers = [fed.page.answer(f"/page/data/{name}", query) for name, query in asked]
        return [dict(answer.headers)["ETag"] for answer in answers]

    before = tags()
    assert len(set(before)) == len(asked)
    fed.now += 60_000
    assert tags() == before
    fed.feed(commits()[12:13])
    fed.now += 60_000
    assert set(tags()).isdisjoint(before)


def test_latencies_that_only_series_have_are_those_that_were_published() -> None:
    fed = FedPage()
    fed.feed(commits())
    shown = {one["metric"]: one["n"] for one in fed.data("fleet.json")["also"]}
    published: Counter[str] = Counter()
    for status in commits():
        for (series, _), samples in status.window.items():
            if series.metric in SERIES_LATENCIES:
                published[series.metric] += sum(samples.values())
    assert shown == published
    assert set(shown) == set(SERIES_LATENCIES)


def test_a_new_worker_says_since_when_it_knows_anything() -> None:
    fed = FedPage()
    fed.feed([progress(stream_time=NOW), progress(stream_time=NOW + 5000)])
    assert fed.data("fleet.json")["since"] == NOW
    fresh = FedPage()
    fresh.feed([progress(stream_time=None), progress(stream_time=NOW)])
    assert fresh.data("fleet.json")["since"] is None


def test_when_commits_were_lost_all_begins_anew_and_nothing_is_half_known() -> None:
    page = FedPage()
    window = {(Series("Turns", ()), NOW): {1: 1}}
    status = progress(stream_time=NOW, window=window)
    page.now = NOW
    page.telemetry.progress(status)
    for _ in range(COMMITS_WAITING + 1):
        page.page.progress(status)
    page.page.progress(status)
    assert page.page.answer("/page/data/fleet.json", {}).status == 503
    page.page.progress(progress(stream_time=NOW, window=window))
    assert page.data("fleet.json")["fleet"]["totals"]["counts"]["Turns"] == 1


def test_static_files_are_answered_by_name_with_their_digests() -> None:
    page = FedPage().page
    index = page.answer("/page", {})
    assert index == page.answer("/page/index.html", {})
    assert "text/html" in index.content_type
    for name in (INDEX, *STYLES, *SCRIPTS):
        answer = page.answer(f"/page/{name}", {})
        assert answer.status == 200
        assert dict(answer.headers)["ETag"].strip('"').isalnum()
    for name in ("VENDORED.md", "LICENSE.uPlot", "../recent.py", "data/x.json", ""):
        assert page.answer(f"/page/{name}", {}).status in (404, 503) or name == ""


class Noticed(dict[SeriesMinute, Distribution]):
    """A window that tells when somebody looks into it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = Event()

    def items(self) -> Any:
        self.seen.set()
        return super().items()


def test_commits_are_folded_without_anybody_asking() -> None:
    page, window = FedPage().page, Noticed()
    page.start()
    page.progress(progress(window=window))
    assert window.seen.wait(LONGEST_S)
    page.stop(LONGEST_S)


@given(st.integers(1, 10**12), st.integers(0, 10**13), st.integers(0, 10**13))
def test_a_span_has_few_bins_and_lies_within_what_is_kept(
    minutes: int, end: int, floor: int
) -> None:
    span = span_of(minutes, end, BOUNDS.span, floor)
    assert span.since < span.until
    assert span.until - span.since <= BOUNDS.span
    assert span.since >= min(floor, minute_of(end))
    assert bins_over(span.since, span.until - MINUTE).number <= 100
