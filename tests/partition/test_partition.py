"""What time decides: when samples are emitted, when sessions close, come back and expire."""

from __future__ import annotations

import tracemalloc

from tests.partition.living import HOUR, MINUTE, SECOND, Live
from tests.scenes import BASE, cloud_event
from worker.events.decode import decode
from worker.partition.dead_letters import OVER_CAPACITY
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.stream.record import Record


def test_a_direct_minute_is_emitted_once_and_whole_half_a_minute_after_its_end() -> None:
    live = Live()
    live.arrive(1 * SECOND, 500, "stt_latency", {"latency_ms": 100})
    live.arrive(80 * SECOND, 59_999, "stt_latency", {"latency_ms": 200})
    live.until(5 * MINUTE)
    told = [row for row in live.told if row[1] == "SttLatency"]
    assert told == [(90 * SECOND, "SttLatency", 0, {100: 1, 200: 1})]


def test_what_comes_later_is_emitted_at_most_once_a_minute() -> None:
    live = Live()
    for second in (1, 95, 100, 149, 151):
        live.arrive(second * SECOND, second, "dtmf")
    live.until(10 * MINUTE)
    assert live.when("DtmfReceived") == [90 * SECOND, 150 * SECOND, 210 * SECOND]


def test_a_wrap_up_delivered_again_and_again_takes_no_memory() -> None:
    live = Live()
    live.arrive(0, 0, "call_wrap_up", {"end_status": "ended"}, n=1)
    data = cloud_event(0, "call_wrap_up", {"end_status": "ended"}, 1)
    again = decode(Record("s", "2", BASE, data, "")) * 5_000
    tracemalloc.start()
    live.partition.fold(again)
    appended, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert live.partition.counters["duplicates"] == 5_000
    assert appended < 50_000


def test_a_session_closes_when_nothing_new_has_arrived_for_half_an_hour() -> None:
    live = Live()
    live.arrive(5 * SECOND, 0, "dtmf", n=1)
    live.arrive(65 * SECOND, 0, "digit", n=2)
    live.arrive(20 * MINUTE, 0, "dtmf", n=1)  # a repeat is nothing new
    live.until(60 * MINUTE)
    ((when, record),) = live.records
    assert when == 65 * SECOND + 30 * MINUTE
    assert record["close_reason"] == "idle"


def test_an_event_after_the_close_makes_a_revision_and_a_repeat_makes_none() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "dtmf", n=1)
    live.arrive(2 * SECOND, 1 * SECOND, "call_wrap_up", n=2)
    live.arrive(2 * HOUR, 500, "dtmf", n=3)
    live.until(2 * HOUR + 5 * MINUTE)
    live.arrive(3 * HOUR, 500, "dtmf", n=3)
    live.until(3 * HOUR + 5 * MINUTE)
    assert [(r["revision"], r["dtmf"]) for _, r in live.records] == [(1, 1), (2, 2)]
    assert live.partition.counters["sessions_revised"] == 1
    assert live.partition.counters["late_events"] == 1


def test_per_session_metrics_are_emitted_once_at_the_first_close() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "call_wrap_up", {"duration_in_seconds": 7}, n=1)
    live.arrive(2 * HOUR, 500, "dtmf", n=3)
    live.until(3 * HOUR)
    assert len(live.when("SessionsEnded")) == 1
    assert len(live.when("SessionDuration")) == 1


def test_a_late_event_emits_new_samples_and_counts_retracted_ones() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "prompt_sent", n=1)
    live.arrive(2 * SECOND, 2 * SECOND, "first_token_received", n=2)
    live.arrive(3 * SECOND, 3 * SECOND, "call_wrap_up", n=3)
    live.until(30 * MINUTE)
    live.arrive(30 * MINUTE, 1 * SECOND, "prompt_sent", n=0)  # now the reply is in doubt
    live.until(60 * MINUTE)
    assert len(live.when("ApplicationLatency")) == 1
    assert len(live.when("AmbiguousReplies")) == 1
    assert len(live.when("UnansweredPrompts")) == 1
    # the base series and the one by language
    assert live.partition.counters["samples_retracted"] == 2


def test_a_retracted_sample_that_holds_again_is_not_emitted_twice() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "prompt_sent", n=7)
    live.arrive(2 * SECOND, 2 * SECOND, "first_token_received", n=8)
    live.until(20 * MINUTE)
    live.arrive(20 * MINUTE, 1 * SECOND, "prompt_sent", n=6)
    live.until(30 * MINUTE)
    live.arrive(30 * MINUTE, 1500, "interrupt", n=5)  # both prompts are void: no latency at all
    live.until(60 * MINUTE)
    live.arrive(60 * MINUTE, 1 * SECOND, "start_of_agent_speech", n=9)
    live.until(80 * MINUTE)
    told = [row for row in live.told if row[1] == "ApplicationLatency"]
    assert sum(sum(distribution.values()) for *_, distribution in told) == 1


def test_an_evicted_session_leaves_memory_and_comes_back_as_it_was() -> None:
    live = Live()
    live.arrive(1 * SECOND, 0, "dtmf", n=1)
    live.arrive(2 * SECOND, 1 * SECOND, "call_wrap_up", n=2)
    live.until(20 * MINUTE)
    assert live.partition.resident == 0
    live.arrive(21 * MINUTE, 500, "digit", n=3)
    assert live.partition.resident == 1
    live.until(40 * MINUTE)
    assert live.partition.resident == 0
    assert (live.records[-1][1]["dtmf"], live.records[-1][1]["digits"]) == (1, 1)


def test_a_session_with_events_after_it_was_forgotten_continues_its_revisions() -> None:
    live = Live()
    live.arrive(0, 0, "dtmf", n=1)
    live.arrive(1 * SECOND, SECOND, "call_wrap_up", n=2)
    live.arrive(1 * HOUR, 500, "dtmf", n=3)
    live.until(1 * HOUR + 5 * MINUTE)
    assert [record["revision"] for _, record in live.records] == [1, 2]
    live.archive.clear()  # as its owner does, once keep_closed_s has passed
    live.arrive(5 * HOUR, 5 * HOUR, "dtmf", n=4)
    live.until(6 * HOUR)
    live.arrive(6 * HOUR, 5 * HOUR, "digit", n=5)
    live.until(7 * HOUR)
    assert [record["revision"] for _, record in live.records] == [1, 2, 3, 4]
    live.archive.clear()
    live.arrive(31 * HOUR, 31 * HOUR, "dtmf", n=6)
    live.until(32 * HOUR)
    assert live.records[-1][1]["revision"] == 1


def test_an_event_too_old_for_any_session_still_kept_is_a_dead_letter() -> None:
    live = Live()
    live.until(7 * HOUR)
    live.arrive(7 * HOUR + SECOND, 0, "dtmf")
    live.until(7 * HOUR + MINUTE)
    ((reason, data),) = live.letters
    assert reason.startswith("expired")
    assert data == cloud_event(0, "dtmf", None, 1)
    assert live.partition.resident == 0


def test_what_there_is_no_room_for_is_a_dead_letter_and_counts_in_full_once_redriven() -> None:
    full = Live(Rules(max_held=1))
    full.arrive(0, 0, "dtmf", n=1)
    events = [
        cloud_event(at, name, None, n, session_id="VX2")
        for n, (at, name) in enumerate([(0, "digit"), (SECOND, "dtmf"), (2 * SECOND, "digit")])
    ]
    full.deliver(SECOND, *events[:2])
    full.arrive(2 * SECOND, SECOND, "call_wrap_up", n=2)
    full.until(20 * MINUTE)
    assert full.letters == [(OVER_CAPACITY, event) for event in events[:2]]
    assert full.partition.resident == 0
    counters = full.partition.counters
    assert (counters["occurrences"], counters["dead_letters"], counters["folded"]) == (4, 2, 2)
    full.deliver(20 * MINUTE, events[2])
    full.until(70 * MINUTE)
    full.deliver(70 * MINUTE, *(data for _, data in full.letters))
    full.until(140 * MINUTE)
    roomy = Live()
    roomy.deliver(SECOND, *events)
    roomy.until(140 * MINUTE)
    redriven, expected = full.records[-1][1], roomy.records[-1][1]
    assert {**redriven, "revision": 1} == expected


def test_an_evicted_session_does_not_come_back_while_there_is_no_room() -> None:
    full = Live(Rules(max_held=1))
    full.arrive(0, 0, "call_wrap_up", n=1)
    full.until(20 * MINUTE)
    full.deliver(20 * MINUTE, cloud_event(20 * MINUTE, "dtmf", session_id="VX2"))
    full.arrive(20 * MINUTE + SECOND, 1, "dtmf", n=2)
    full.until(30 * MINUTE)
    assert full.letters == [(OVER_CAPACITY, cloud_event(1, "dtmf", None, 2))]
    assert full.partition.resident == 1


def test_a_shard_without_a_clock_holds_time_back() -> None:
    partition = Partition(Rules())
    seen = []
    for shard, clock, live in (("a", 0, "ab"), ("b", -5, "ab"), ("b", -5, "a"), ("b", -5, "ab")):
        partition.tip(shard, BASE + clock)
        partition.advance(live)
        seen.append(partition.now)
    assert seen == [None, BASE - 5, BASE, BASE]
    assert partition.time.behind("ab") == "b"


def test_an_event_of_an_unknown_name_is_counted_once() -> None:
    live = Live()
    for _ in range(2):
        live.arrive(SECOND, 0, "unheard_of", n=1)
    live.arrive(SECOND, 0, "prompt_sent", n=2)
    assert live.partition.counters["unknown_events"] == 1
