"""The samples emitted over time add up to those of the session's events in the end.

Whatever arrives when, and whenever the session emits: emitted = final + over-emitted, where
over-emitted samples are those that were emitted and no longer hold.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import PROMPT, closed, event, held_of, parts_of
from tests.scenes import BASE
from worker.events.event import EVENT_CODES, Event
from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import EmittedSample, Series, SeriesRules
from worker.partition.commit_outputs import Window
from worker.partition.emission import emit, emit_session_samples, has_to_emit
from worker.partition.holds import Due
from worker.partition.metric_windows import MetricWindows
from worker.partition.series_registry import Owner, SeriesBook
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session
from worker.times.minutes import BEFORE_ALL, MINUTE, minute_of

END = 1 << 61
PAYLOADS: dict[str, list[Any]] = {
    "stt_latency": [{"latency_ms": 100}, {"latency_ms": 200}],
    "final_token_received": [{"total_tokens": 5}, None],
    "interrupt": [{"type": "SPEECH"}, None],
    "configurations": [{"configurations": {"ttsLanguage": "en"}}],
    "language_changed": [{"tts_language_code": "es"}, {"tts_language_code": "fr"}],
}


def book() -> SeriesBook:
    return SeriesBook(SeriesRules(per_set=2))


class Telling(NamedTuple):
    samples: Counter[EmittedSample]
    retracted: int


def by(before: int, contextual: int | None = None, *, contiguous: bool = True) -> Due:
    """All minutes before a time, or those of samples that wait for the beginning before another."""
    waiting = before if contextual is None else contextual
    return Due(None, before, waiting, BEFORE_ALL, "quiet", contiguous)


def telling_of(
    resident: ResidentSession, hold: Hold, due: int | Due, series: SeriesBook
) -> Telling:
    windows = MetricWindows(series)
    retracted = emit(resident, hold, by(due) if isinstance(due, int) else due, windows)
    return Telling(multiset(windows.drain()), retracted)


def summary(resident: ResidentSession, series: SeriesBook) -> Counter[EmittedSample]:
    windows = MetricWindows(series)
    emit_session_samples(resident, windows)
    return multiset(windows.drain())


def multiset(window: Window) -> Counter[EmittedSample]:
    assert all(window.values())
    return Counter(
        {
            EmittedSample(series, minute, value): count
            for (series, minute), distribution in window.items()
            for value, count in distribution.items()
        }
    )


OWNER = "AC1"


def told_to(
    series: SeriesBook, resident: ResidentSession, owner: Owner = OWNER
) -> Counter[EmittedSample]:
    """All direct and turn samples of the session as it stands."""
    return Counter(
        EmittedSample(one, minute, value)
        for (context, minute), (metric, own), value in parts_of(resident.analysis(contiguous=True))
        if CATALOGUE[metric].hold is not Hold.SESSION
        for one in series.of(context, owner)[metric if own is None else (metric, own)]
    )


def copied(resident: ResidentSession) -> ResidentSession:
    """The session as a store gives it back."""
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(resident.state), type=Session)
    return ResidentSession(state, bytes(resident.log))


@st.composite
def events(draw: st.DrawFn) -> Event:
    name = draw(st.sampled_from([*EVENT_CODES, "odd"]))
    payload = draw(st.sampled_from(PAYLOADS.get(name, [None])))
    at = draw(st.integers(0, 14)) * 12_000
    return event(at, name, payload, draw(st.integers(0, 9)))


@settings(max_examples=150)
@given(st.lists(events(), min_size=1, max_size=25), st.integers(0, 10**6), st.booleans())
def test_all_emitted_samples_are_those_that_hold_in_the_end_and_the_over_emitted(
    some: list[Event], seed: int, long: bool
) -> None:
    rng, series = Random(seed), book()
    resident = held_of(*[(0, "dtmf")] * (250 if long else 0))
    told, retracted = Counter[EmittedSample](), 0
    for one in some:
        resident.add(one, 50_000)
        for hold in (Hold.DIRECT, Hold.TURN):
            if rng.random() < 0.3:
                before = minute_of(BASE + rng.randrange(0, 5) * MINUTE)
                waiting = rng.choice([before, before, before - MINUTE, BEFORE_ALL])
                due = by(
                    before,
                    waiting if hold is Hold.DIRECT else before,
                    contiguous=rng.random() < 0.7,
                )
                has_to = has_to_emit(resident.state, hold, due)
                telling = telling_of(resident, hold, due, series)
                assert has_to or not telling.samples
                assert has_to or not telling.retracted
                told += telling.samples
                retracted += telling.retracted
        if rng.random() < 0.1 and resident.state.closed is None:
            closed(resident)
        if rng.random() < 0.2:
            resident = copied(resident)
    for hold in (Hold.DIRECT, Hold.TURN):
        telling = telling_of(resident, hold, END, series)
        told += telling.samples
        retracted += telling.retracted
    over_emitted = Counter(dict(resident.state.over_emitted))
    assert told == told_to(series, resident) + over_emitted
    assert retracted >= over_emitted.total()


@given(st.lists(events(), min_size=1, max_size=15), st.integers(0, 5))
def test_nothing_of_a_minute_within_its_hold_is_emitted(some: list[Event], minutes: int) -> None:
    resident = held_of()
    for one in some:
        resident.add(one, 50_000)
    before = BASE + minutes * MINUTE
    for hold in (Hold.DIRECT, Hold.TURN):
        assert all(
            told.minute < before for told in telling_of(resident, hold, before, book()).samples
        )


@given(st.lists(events(), min_size=1, max_size=15))
def test_what_is_emitted_stays_emitted(some: list[Event]) -> None:
    resident, series = held_of(), book()
    for one in some:
        resident.add(one, 50_000)
    for hold in (Hold.DIRECT, Hold.TURN):
        telling_of(resident, hold, END, series)
        assert not has_to_emit(resident.state, hold, by(END))
        again = telling_of(resident, hold, END, series)
        assert (again.samples, again.retracted) == (Counter(), 0)


def test_a_long_call_goes_on_from_what_a_late_event_has_made_of_it() -> None:
    others = [(0, "dtmf")] * 250
    resident, series = held_of(*others, (10_000, "prompt_sent"), (65_000, "dtmf")), book()
    assert not telling_of(resident, Hold.TURN, BASE + MINUTE, series).samples
    for number, at, found in ((253, 20_000, {10_000}), (254, 70_000, set())):
        resident.add(event(at, "first_token_received", None, number), 50_000)
        telling = telling_of(resident, Hold.TURN, minute_of(BASE + at) + MINUTE, series)
        assert {told.value for told in telling.samples} == found


def test_a_limit_that_moves_back_takes_nothing_back() -> None:
    resident, series = held_of((0, "prompt_sent"), (600, "first_token_received")), book()
    assert telling_of(resident, Hold.TURN, BASE + MINUTE, series).samples
    later = telling_of(resident, Hold.TURN, BASE, series)
    assert (later.samples, later.retracted) == (Counter(), 0)


def test_the_close_emits_what_only_it_decides() -> None:
    resident, series = held_of((0, "prompt_sent"), (10, "dtmf")), book()
    telling_of(resident, Hold.TURN, END, series)
    assert not has_to_emit(resident.state, Hold.TURN, by(END))
    closed(resident)
    assert has_to_emit(resident.state, Hold.TURN, by(END))
    found = {told.series.metric for told in telling_of(resident, Hold.TURN, END, series).samples}
    assert found == {"AbandonedWaits", "UnansweredPrompts"}


def test_until_the_session_has_begun_only_what_its_beginning_can_change_waits() -> None:
    resident = held_of((0, "stt_latency", {"latency_ms": 90}), (10, PROMPT), (MINUTE, "dtmf"))
    series = book()
    early = telling_of(resident, Hold.DIRECT, by(BASE + MINUTE, BEFORE_ALL), series).samples
    assert {told.series.metric for told in early} == {"Prompts", "DeliveryDelay"}
    assert not has_to_emit(resident.state, Hold.DIRECT, by(BASE + MINUTE, BEFORE_ALL))
    assert has_to_emit(resident.state, Hold.DIRECT, by(BASE + MINUTE))
    later = telling_of(resident, Hold.DIRECT, by(BASE + 2 * MINUTE), series).samples
    assert {told.series.metric for told in later if told.minute == BASE} == {
        "SttLatency",
        "SessionsStarted",
    }


def values(told: Counter[EmittedSample]) -> dict[str, list[int]]:
    """Values by metric, of the series without dimensions."""
    found: dict[str, list[int]] = {}
    for one in told.elements():
        if not one.series.dimensions:
            found.setdefault(one.series.metric, []).append(one.value)
    return found


def test_an_open_session_has_no_summary() -> None:
    assert summary(held_of((0, "dtmf")), book()) == Counter()


def test_a_summary_has_each_per_session_metric_once_at_the_last_events_minute() -> None:
    resident = held_of(
        (0, "start_of_customer_speech"),
        (1000, "end_of_customer_speech"),
        (1000, "prompt_sent"),
        (1500, "first_token_received"),
        (2000, "start_of_agent_speech"),
        (2500, "final_token_received", {"total_tokens": 12}),
        (5000, "end_of_agent_speech"),
        (6000, "interrupt"),
        (6500, "interrupt", {"type": "DTMF"}),
        (70_000, "call_wrap_up", {"duration_in_seconds": 70, "end_status": "hung_up"}),
    )
    told = summary(closed(resident), book())
    assert {one.minute for one in told} == {BASE + MINUTE}
    assert values(told) == {
        "SessionsEnded": [1],
        "SessionDuration": [70],
        "TokensPerSession": [12],
        "InterruptionsPerSession": [2],
        "TurnsPerSession": [1],
        "LongestSilence": [65_000],
        "AgentTalkShare": [7500],
        "MissingEvents": [0],
    }
    assert (
        EmittedSample(Series("SessionsEnded", (("EndStatus", "hung_up"),)), BASE + MINUTE, 1)
        in told
    )


def test_a_summary_is_of_the_first_close_whatever_came_later() -> None:
    resident = closed(held_of((0, "final_token_received", {"total_tokens": 5})))
    before = summary(resident, book())
    resident.add(event(90_000, "final_token_received", {"total_tokens": 7}, 9), 50_000)
    assert summary(resident, book()) == before


@pytest.mark.parametrize(
    ("scene", "status"),
    [
        ([(0, "dtmf")], "none"),
        ([(0, "call_wrap_up")], "unknown"),
        ([(0, "call_wrap_up", {"end_status": None})], "unknown"),
        ([(0, "call_wrap_up", {"end_status": "unknown"})], "unknown"),
        ([(0, "call_wrap_up", {"end_status": "failure"})], "failure"),
        ([(0, "call_wrap_up", {"end_status": "ended"})], "ended"),
        ([(0, "call_wrap_up", {"end_status": "hung_up"})], "hung_up"),
        ([(0, "call_wrap_up", {"end_status": "Ended"})], "other"),
        ([(0, "call_wrap_up", {"end_status": True})], "other"),
    ],
)
def test_an_end_status_is_one_of_six(scene: list[tuple[Any, ...]], status: str) -> None:
    told = summary(closed(held_of(*scene)), book())
    by_status = [one.series.dimensions for one in told if one.series.metric == "SessionsEnded"]
    assert sorted(by_status) == [(), (("EndStatus", status),)]


def test_what_nobody_knows_has_no_sample() -> None:
    found = values(summary(closed(held_of((0, "dtmf"))), book()))
    assert "SessionDuration" not in found
    assert "AgentTalkShare" not in found
