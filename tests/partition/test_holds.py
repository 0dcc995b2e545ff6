"""What a session's minutes wait for, and when it closes."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.partition.living import MINUTE, SECOND, Live, turn
from worker.metrics.catalogue import Hold
from worker.metrics.series import SeriesRules
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import LiveReplay
from worker.sessions.record import decode_record
from worker.testing.traffic import Traffic, simulated_records


def test_a_complete_turn_minute_is_emitted_half_a_minute_after_its_end() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    live.arrive(70 * SECOND, 70 * SECOND, "dtmf")
    live.until(10 * MINUTE)
    assert live.when("ResponseLatency") == [90 * SECOND]


def test_the_last_turn_minute_waits_for_what_may_follow_it() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    live.until(10 * MINUTE)
    assert live.when("ResponseLatency") == [270 * SECOND]


def test_the_last_turn_minute_waits_until_the_session_is_quiet() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    for second in range(20, 320, 20):
        live.arrive(second * SECOND, 20 * SECOND + second, "dtmf")
    live.until(10 * MINUTE)
    assert live.when("ResponseLatency") == [330 * SECOND]


def test_turns_wait_for_quiet_no_longer_than_ten_minutes() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    for second in range(20, 1200, 20):
        live.arrive(second * SECOND, 20 * SECOND + second, "dtmf")
    live.until(20 * MINUTE)
    assert live.when("ResponseLatency") == [690 * SECOND]


def with_a_hole(live: Live) -> None:
    """Turns in each of three minutes, of which the first is complete; number 6 is missing."""
    turn(live, 10 * SECOND)
    live.arrive(61 * SECOND, 61 * SECOND, "dtmf")
    live.number += 1
    turn(live, 70 * SECOND)
    turn(live, 130 * SECOND)
    live.arrive(190 * SECOND, 190 * SECOND, "dtmf")


def test_minutes_behind_a_missing_number_wait_until_it_comes() -> None:
    live = Live()
    with_a_hole(live)
    live.until(5 * MINUTE)
    assert live.when("ApplicationLatency") == [90 * SECOND]
    live.arrive(5 * MINUTE, 65 * SECOND, "dtmf", n=6)
    live.until(20 * MINUTE)
    assert live.when("ApplicationLatency") == [90 * SECOND, 330 * SECOND, 330 * SECOND]
    assert [minute for _, name, minute, _ in live.told if name == "ApplicationLatency"] == [
        0,
        1 * MINUTE,
        2 * MINUTE,
    ]


def test_a_missing_number_is_waited_for_five_minutes_after_a_minutes_end_and_then_never() -> None:
    live = Live()
    with_a_hole(live)
    live.until(20 * MINUTE)
    assert live.when("ApplicationLatency") == [90 * SECOND, 450 * SECOND, 450 * SECOND]


@pytest.mark.parametrize(("last", "told"), [(130, 390), (250, 510)])
def test_the_last_minute_waits_as_ever_once_a_number_was_given_up(last: int, told: int) -> None:
    live = Live()
    turn(live, 10 * SECOND)
    live.number += 1
    live.arrive(50 * SECOND, 50 * SECOND, "dtmf")
    turn(live, last * SECOND)
    live.until(20 * MINUTE)
    assert live.when("ApplicationLatency") == [390 * SECOND, told * SECOND]


def test_a_number_that_turns_out_to_be_missing_below_emitted_minutes_is_not_awaited() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "configurations", {}, n=5)
    live.number = 5
    turn(live, 10 * SECOND)
    live.arrive(61 * SECOND, 61 * SECOND, "dtmf")
    live.arrive(100 * SECOND, -1, "dtmf", n=3)
    live.number = 10
    turn(live, 130 * SECOND)
    live.arrive(190 * SECOND, 190 * SECOND, "dtmf")
    live.until(20 * MINUTE)
    assert live.when("ApplicationLatency") == [90 * SECOND, 210 * SECOND]


def test_a_minute_that_has_not_ended_yet_is_not_complete_though_clocks_run_ahead() -> None:
    live = Live()
    turn(live, 310 * SECOND, delay=-5 * MINUTE)
    live.arrive(15 * SECOND, 10 * MINUTE, "dtmf")
    live.until(20 * MINUTE)
    assert live.when("ApplicationLatency") == [390 * SECOND]


def test_what_depends_on_a_sessions_beginning_waits_for_it() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "stt_latency", {"latency_ms": 100}, n=7)
    live.arrive(2 * SECOND, 1, "dtmf", n=8)
    live.until(3 * MINUTE)
    assert live.when("DtmfReceived") == [90 * SECOND]
    live.arrive(3 * MINUTE, -1, "configurations", {}, n=6)
    live.until(20 * MINUTE)
    assert live.when("SttLatency") == live.when("SessionsStarted") == [210 * SECOND]


def test_a_beginning_is_waited_for_five_minutes() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "stt_latency", {"latency_ms": 100}, n=7)
    live.until(20 * MINUTE)
    assert live.when("SttLatency") == live.when("SessionsStarted") == [390 * SECOND]


def test_a_session_emitted_by_time_alone_does_not_wait_for_its_beginning() -> None:
    live = Live(Rules(sequence_numbers="sparse"))
    live.arrive(1 * SECOND, 0, "stt_latency", {"latency_ms": 100}, n=7)
    live.until(2 * MINUTE)
    assert live.when("SttLatency") == [90 * SECOND]


def test_a_session_whose_numbers_and_times_disagree_is_emitted_by_time_alone() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    live.arrive(70 * SECOND, 69 * SECOND, "dtmf", n=6)
    live.arrive(71 * SECOND, 70 * SECOND, "dtmf", n=5)
    live.until(10 * MINUTE)
    assert live.when("ResponseLatency") == [270 * SECOND]


def ended(live: Live, now: int, n: int) -> None:
    live.arrive(now, 20 * SECOND, "call_wrap_up", {"end_status": "ended"}, n=n)


def test_a_complete_session_closes_half_a_minute_after_its_last_arrival() -> None:
    live = Live()
    live.arrive(5 * SECOND, 0, "dtmf")
    ended(live, 70 * SECOND, 2)
    live.until(10 * MINUTE)
    ((when, record),) = live.records
    assert when == 100 * SECOND
    assert (record["close_reason"], record["revision"]) == ("wrap_up", 1)


def test_a_session_closes_half_a_minute_after_its_last_hole_is_filled() -> None:
    live = Live()
    live.arrive(5 * SECOND, 0, "dtmf", n=1)
    ended(live, 70 * SECOND, 4)
    live.arrive(140 * SECOND, 9, "dtmf", n=2)
    live.arrive(202 * SECOND, 10, "dtmf", n=3)
    live.until(10 * MINUTE)
    assert [when for when, _ in live.records] == [232 * SECOND]


def test_a_session_with_a_hole_closes_five_minutes_after_its_wrap_up_arrived() -> None:
    live = Live()
    live.arrive(5 * SECOND, 0, "dtmf", n=1)
    ended(live, 70 * SECOND, 4)
    live.arrive(140 * SECOND, 9, "dtmf", n=2)
    live.until(10 * MINUTE)
    assert [when for when, _ in live.records] == [370 * SECOND]


def test_a_session_without_its_beginning_is_not_complete() -> None:
    live = Live()
    live.arrive(5 * SECOND, 0, "dtmf", n=2)
    ended(live, 70 * SECOND, 3)
    live.until(10 * MINUTE)
    assert [when for when, _ in live.records] == [370 * SECOND]


def test_a_closed_session_waits_for_nothing() -> None:
    live = Live()
    turn(live, 10 * SECOND)
    ended(live, 70 * SECOND, 5)
    live.until(10 * MINUTE)
    assert live.when("ResponseLatency") == live.when("SessionsEnded") == [150 * SECOND]


def test_how_long_minutes_waited_is_known_by_reason() -> None:
    live = Live()
    with_a_hole(live)
    live.until(20 * MINUTE)
    live.arrive(20 * MINUTE, 11 * SECOND, "prompt_sent", n=3)
    live.until(30 * MINUTE)
    turns = {(reason, wait) for hold, reason, wait in live.waits if hold is Hold.TURN}
    assert {("complete", 30 * SECOND), ("given_up", 330 * SECOND)} <= turns
    assert {reason for reason, _ in turns} == {"complete", "given_up", "late"}
    direct = {(reason, wait) for hold, reason, wait in live.waits if hold is Hold.DIRECT}
    assert direct == {("complete", 30 * SECOND), ("late", 1170 * SECOND)}


def test_a_minute_that_is_not_released_yet_has_not_waited() -> None:
    live = Live()
    live.arrive(1 * SECOND, 1 * SECOND, "dtmf", n=2)  # without the session's beginning
    live.arrive(65 * SECOND, 65 * SECOND, "dtmf", n=3)
    live.until(3 * MINUTE)
    assert min(wait for hold, _, wait in live.waits if hold is Hold.DIRECT) == 30 * SECOND


@pytest.mark.parametrize("seed", range(3))
def test_what_is_sent_is_what_the_records_say_if_nothing_comes_later_than_the_hold(
    seed: int,
) -> None:
    """Delays of 20 s at the median, and 1 % of the events lost."""
    lines: list[bytes] = []
    sent: Counter[str] = Counter()

    def take(outputs: Outputs) -> None:
        lines.extend(record.line for record in outputs.records)
        for (series, _), distribution in outputs.window.items():
            if not series.dimensions:
                sent[series.metric] += sum(distribution.values())

    traffic = Traffic(
        sessions=40, delay_median_s=20.0, stragglers=0.0, lost=0.01, malformed=0.0, test_event=False
    )
    replay = LiveReplay(Rules(series=SeriesRules(sets={})), take)
    for record in simulated_records(traffic, seed):
        replay.feed(record)
    replay.finish()
    counters = replay.counters
    assert counters["samples_retracted"] == counters["sessions_revised"] == 0
    records = [decode_record(line) for line in lines]
    assert len(records) == counters["sessions_closed"]
    for metric, said in {
        "Turns": [record.turns for record in records],
        "AmbiguousTurns": [record.ambiguous_turns for record in records],
        "AmbiguousReplies": [record.ambiguous_replies for record in records],
        "UnansweredPrompts": [record.unanswered_prompts for record in records],
        "AbandonedWaits": [record.abandoned_waits for record in records],
        "DoubtfulTurns": [record.doubtful_turns for record in records],
        "InterruptionsByAgent": [record.interruptions.by_agent for record in records],
        "InterruptionsByCustomer": [record.interruptions.by_customer for record in records],
    }.items():
        assert sent[metric] == sum(said)
