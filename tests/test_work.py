"""What the hot path costs, in calls and bytes rather than in time, so that it can't creep up."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable
from functools import partial

import msgspec

from tests.building import FINAL, PROMPT, Driven, event
from tests.counting import calls, calls_by_name
from tests.scenes import BASE
from worker.events.decode import Delivery, decode, decode_all
from worker.events.event import Event, SessionKey
from worker.events.payload import LanguageChanged
from worker.metrics.catalogue import Hold
from worker.metrics.series import SeriesRules
from worker.partition.emission import emit
from worker.partition.holds import Due
from worker.partition.metric_windows import MetricWindows
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.partition.series_registry import SeriesBook
from worker.replay import LiveReplay, Replay
from worker.sessions.resident_session import ResidentSession
from worker.sessions.state import Session
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import BEFORE_ALL, MINUTE

TRAFFIC = Traffic(sessions=60, other_types=0.1, malformed=0.0, test_event=False)
RECORDS = list(simulated_records(TRAFFIC, 11))
EVENTS = [one.occurrence for record in RECORDS for one in decode(record)]
RELAY = [one for one in EVENTS if isinstance(one, Event)]

REPLIES = len({(one.key, one.sequence_number) for one in RELAY if one.name == FINAL})


def test_a_record_is_decoded_once_whatever_its_type() -> None:
    """And its ``data`` by itself, if that is a string."""
    made = calls_by_name(lambda: decode_all(RECORDS))
    in_strings = sum(b'"data":"' in record.data for record in RECORDS)
    assert made["Decoder.decode"] == len(RECORDS) + in_strings


def test_a_record_is_decoded_and_folded_in_a_few_dozen_calls() -> None:
    partition = Partition(Rules())
    deliveries = decode_all(RECORDS)
    assert calls(lambda: decode_all(RECORDS)) <= 12 * len(RECORDS)

    def fold() -> None:
        for start in range(0, len(deliveries), 500):
            partition.fold(deliveries[start : start + 500])

    assert calls(fold) <= 12 * len(RECORDS)


def test_an_event_for_which_a_session_has_no_room_is_packed_once() -> None:
    partition = Partition(Rules(max_events=10))
    events = [event(n, "dtmf", None, n) for n in range(1_010)]
    deliveries = [Delivery(one, "shard-0", "1", one.arrival, b"") for one in events]
    partition.fold(deliveries[:10])
    made = calls_by_name(lambda: partition.fold(deliveries[10:]))
    assert partition.counters["cut"] == 1_000
    assert made["pack_events"] <= 1_001


def walked(made: Counter[str]) -> dict[str, int]:
    """How many events of one name each walk went through."""
    return {
        "direct": made["EventWalk._final_token"],
        "turns": made["TurnWalk.final_token_received"],
    }


def test_offline_each_event_is_walked_once() -> None:
    replay = Replay(Rules(), lambda _: None)
    for record in RECORDS:
        replay.feed(record)
    made = calls_by_name(replay.finish)
    assert made["SessionAnalysis.__init__"] == replay.counters["sessions_closed"]
    assert walked(made) == {"direct": REPLIES, "turns": REPLIES}
    assert made.total() <= 32 * len(RELAY)  # the timeline has 6 of them


def test_live_each_event_is_walked_a_few_times() -> None:
    replay = LiveReplay(Rules(), lambda _: None)

    def run() -> None:
        for record in RECORDS:
            replay.feed(record)
        replay.finish()

    made = calls_by_name(run)
    assert walked(made)["direct"] <= 4 * REPLIES
    assert walked(made)["turns"] <= 4 * REPLIES


def session(number: int) -> SessionKey:
    return SessionKey("twilio", f"AC{'a' * 32}", f"CA{number:032x}", f"VX{number:032x}")


def deliveries(events: Iterable[Event]) -> list[Delivery]:
    return [Delivery(one, "shard-0", "1", BASE, b"") for one in events]


def long_call() -> list[Event]:
    """The events of a session that is still open after 120 of them."""
    by_key: dict[SessionKey, list[Event]] = {}
    for one in RELAY:
        by_key.setdefault(one.key, []).append(one)
    return max(by_key.values(), key=len)[:120]


def of_session(number: int, events: list[Event]) -> list[Event]:
    return [
        Event(
            session(number),
            one.timestamp,
            one.sequence_number,
            one.name,
            None if one.payload is None else msgspec.structs.replace(one.payload),
            one.arrival,
        )
        for one in events
    ]


def test_an_open_session_of_120_events_takes_less_than_5200_bytes() -> None:
    """Some 3,200 of them for its log, and 800 for its numbers: these events come in so mixed up
    that there are fifteen runs.
    """
    sessions, call = 200, long_call()
    assert len(call) == 120
    partition = Partition(Rules())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(sessions):
            partition.fold(deliveries(of_session(number, call)))
        partition.commit()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 5_200 * sessions


def test_a_commit_costs_what_changed_and_not_what_is_open() -> None:
    def work(open_sessions: int) -> int:
        partition = Partition(Rules())
        for number in range(open_sessions):
            partition.fold(deliveries(of_session(number, [event(0, PROMPT)])))
        partition.commit()
        for number in range(50):
            partition.fold(deliveries(of_session(number, [event(9, PROMPT, None, 2)])))
        return calls(partition.commit)

    assert work(1000) == work(100)


def by(before: int) -> Due:
    return Due(None, before, before, BEFORE_ALL, "quiet", contiguous=True)


def test_what_a_session_reads_to_emit_a_direct_minute_is_what_came_in_that_minute() -> None:
    resident, windows = (
        ResidentSession(Session(session(0), BASE)),
        MetricWindows(SeriesBook(SeriesRules())),
    )
    resident.add(event(0, "configurations", {}, 0, 0), 10_000)
    read = []
    for minute in range(1, 10):
        for second in range(60):
            number = 60 * minute + second
            resident.add(event(1000 * number, "dtmf", None, number, 0), 10_000)
        read.append(len(resident.rows_to_emit()[0]))
        emit(resident, Hold.DIRECT, by(BASE + minute * MINUTE), windows)
    assert max(read[1:]) <= 1 + 60 + 60


def test_what_a_long_call_walks_to_emit_its_turns_is_what_came_in_that_minute() -> None:
    resident, windows = (
        ResidentSession(Session(session(0), BASE)),
        MetricWindows(SeriesBook(SeriesRules())),
    )
    walked = []
    for minute in range(12):
        for second in range(60):
            number = 60 * minute + second
            resident.add(event(1000 * number, PROMPT, None, number, 0), 10_000)
        end = BASE + (minute + 1) * MINUTE
        made = calls_by_name(partial(emit, resident, Hold.TURN, by(end), windows))
        walked.append(made["TurnWalk.prompt_sent"])
    assert max(walked[6:]) == 60


def late_events_walked(length: int, release_every: int) -> float:
    """How many events a minute are walked in a session of so many, of which a late one arrives
    before each release and changes what has been emitted.
    """
    driven, minutes = Driven(Rules(release_every=release_every)), 6
    first = [event(at, "dtmf", None, at) for at in range(length)]
    driven.partition.fold(deliveries(first))
    driven.partition.tip("shard-0", BASE + 20 * MINUTE)
    driven.partition.advance(["shard-0"])

    def run() -> None:
        for number in range(1, minutes * MINUTE // release_every + 1):
            arrival = BASE + 20 * MINUTE + number * release_every
            late = Event(
                first[0].key, BASE + number, -1, "language_info", LanguageChanged(), arrival
            )
            driven.partition.fold(deliveries([late]))
            driven.partition.tip("shard-0", arrival)
            driven.partition.advance(["shard-0"])
            driven.commit()

    return calls_by_name(run)["_count.<locals>.run"] / minutes


def test_what_a_long_session_costs_in_a_minute_is_bounded() -> None:
    assert late_events_walked(2_000, MINUTE) > 2_000
    assert late_events_walked(12_000, MINUTE) <= 3 * late_events_walked(2_000, MINUTE)


def test_what_a_session_costs_in_a_minute_is_bounded_however_often_it_releases() -> None:
    at_once = 5_000
    assert late_events_walked(100, 1_000) <= 3 * at_once
    assert at_once < late_events_walked(6_000, 1_000) <= 3 * at_once
