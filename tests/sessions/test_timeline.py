"""The timeline of a call says what its metrics say, at the times of its events."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import (
    AGENT,
    AGENT_ENDS,
    CUSTOMER,
    CUSTOMER_ENDS,
    FINAL,
    FIRST,
    INTERRUPT,
    LOST,
    PROMPT,
    analysis_of,
    closed,
    event,
    held_of,
    values,
)
from tests.scenes import BASE, Scene
from worker.events.event import EVENT_CODES, Event
from worker.sessions.analysis import SessionAnalysis, analyse
from worker.sessions.event_log import logged_event
from worker.sessions.record import decode_record, encode_record, encode_within, to_record
from worker.sessions.timeline import MAX_ENTRIES, Timeline

CALL: Scene = (
    (
        5,
        "configurations",
        {"configurations": {"ttsProvider": "elevenlabs", "ttsLanguage": "en-US"}},
    ),
    (105, AGENT),
    (1_105, AGENT_ENDS),
    (2_005, CUSTOMER),
    (3_005, CUSTOMER_ENDS),
    (3_105, "stt_latency", {"latency_ms": 95}),
    (3_205, PROMPT),
    (3_705, FIRST),
    (3_805, "tts_latency", {"latency_ms": 80}),
    (4_005, AGENT),
    (4_105, FINAL, {"total_tokens": 9}),
    (4_505, CUSTOMER),
    (4_605, INTERRUPT, {"type": "SPEECH"}),
    (4_705, AGENT_ENDS),
    (5_005, CUSTOMER_ENDS),
    (5_105, PROMPT),
    (5_205, "error_event", {"error_code": 64102, "error_message": "no answer"}),
    (9_005, "call_wrap_up"),
)


def plain(timeline: Timeline) -> dict[str, list[list[object]]]:
    found: dict[str, list[list[object]]] = msgspec.json.decode(msgspec.json.encode(timeline))
    return found


def test_each_part_of_a_call_stands_in_it_in_ms_since_the_first_event() -> None:
    whole = plain(analysis_of(*CALL).timeline)
    unknown = "unknown"
    context = ["en-US", unknown, "elevenlabs", unknown, unknown, unknown]
    assert whole.pop("contexts") == [[0, *context]]
    assert whole == {
        "customer": [[2_000, 3_000], [4_500, 5_000]],
        "agent": [[100, 1_100, "greeting", None], [4_000, 4_700, "interrupted", 1_000]],
        "waits": [[3_000, 4_000, 0, 0], [5_000, None, 0, 0]],
        "prompts": [[3_200, 3_700, 1], [5_100, None, 1]],
        "replies": [[3_700, 4_100, 9]],
        "stt": [[3_100, 95]],
        "tts": [[3_800, 80]],
        "marks": [[4_600, "interrupt", "SPEECH"], [5_200, "error_event", "64102"]],
        "gaps": [],
        "omitted": 0,
    }


def test_a_missing_number_is_a_gap_between_its_neighbours_and_puts_the_wait_in_doubt() -> None:
    whole = plain(
        analysis_of(
            *((0, CUSTOMER), (1_000, CUSTOMER_ENDS), (1_100, PROMPT), LOST, LOST),
            *((20_000, AGENT), (21_000, AGENT_ENDS)),
        ).timeline
    )
    assert whole["gaps"] == [[1_100, 20_000, 2]]
    assert whole["waits"] == [[1_000, 20_000, 0, 1]]
    assert whole["agent"] == [[20_000, 21_000, "doubtful", None]]


def test_an_end_that_was_never_seen_is_null() -> None:
    whole = plain(
        analysis_of(
            *((0, "dtmf"), (100, CUSTOMER), (900, CUSTOMER), (1_000, AGENT), (1_500, AGENT)),
            *((1_600, CUSTOMER_ENDS), (1_700, CUSTOMER_ENDS), (1_800, AGENT_ENDS)),
            *((1_900, AGENT_ENDS), (2_000, CUSTOMER)),
        ).timeline
    )
    assert whole["customer"] == [[100, None], [900, 1_600], [None, 1_700], [2_000, None]]
    assert [one[:2] for one in whole["agent"]] == [[1_000, None], [1_500, 1_800], [None, 1_900]]


@st.composite
def events(draw: st.DrawFn) -> Event:
    name = draw(st.sampled_from([*EVENT_CODES, *([CUSTOMER, CUSTOMER_ENDS, AGENT, PROMPT] * 2)]))
    at = draw(st.integers(0, 40))
    number = at if draw(st.integers(0, 7)) else draw(st.integers(0, 40))
    return event(at * 700, name, {"latency_ms": at} if name.endswith("y") else None, number)


def told(analysis: SessionAnalysis, metric: str) -> Counter[int]:
    return Counter(values(analysis, metric))


@settings(max_examples=300)
@given(st.lists(events(), min_size=1, max_size=40))
def test_its_entries_are_the_samples_of_the_same_reading(some: list[Event]) -> None:
    analysis = analyse(
        [logged_event(one, BASE) for one in some], BASE, closing=True, contiguous=True
    )
    timeline = analysis.timeline
    waits = [one for one in timeline.waits if not one.doubtful]
    assert told(analysis, "CallerWait") == Counter(
        one.audio - one.since - one.speech_ms for one in waits if one.audio is not None
    )
    given_up = [one for one in waits if one.audio is None]
    assert len(given_up) == len(values(analysis, "AbandonedWaits"))
    assert len(timeline.waits) - len(waits) == len(values(analysis, "DoubtfulWaits"))
    assert told(analysis, "ApplicationLatency") == Counter(
        one.first_token - one.sent
        for one in timeline.prompts
        if one.sure and one.first_token is not None
    )
    assert told(analysis, "ResponseLatency") == Counter(
        one.response_ms for one in timeline.agent if one.response_ms is not None
    )
    turns = [one for one in timeline.agent if one.outcome not in (None, "greeting")]
    assert len(turns) == len(values(analysis, "Turns"))
    assert told(analysis, "TokenStreamDuration") == Counter(
        one.final_token - one.first_token for one in timeline.replies if one.final_token is not None
    )
    assert told(analysis, "SttLatency") == Counter(one.latency_ms for one in timeline.stt)
    assert told(analysis, "TtsLatency") == Counter(one.latency_ms for one in timeline.tts)
    missing = sum(one.missing for one in timeline.gaps)
    assert missing == analysis.numbers.missing


def test_it_is_bounded_and_keeps_the_earliest_of_all_kinds() -> None:
    scene = [
        (n, name, {"latency_ms": 1} if name == "stt_latency" else None)
        for n in range(MAX_ENTRIES)
        for name in ("dtmf", "stt_latency")
    ]
    timeline = analysis_of(*scene).timeline
    assert timeline.omitted == MAX_ENTRIES
    assert len(timeline.marks) == len(timeline.stt) == MAX_ENTRIES // 2
    assert timeline.marks[-1].at == timeline.stt[-1].at == MAX_ENTRIES // 2 - 1


def test_a_record_has_one_that_is_read_back_unless_it_is_not_wanted() -> None:
    resident = closed(held_of(*CALL))
    record = to_record(resident.state, resident.analysis(contiguous=True))
    assert record.timeline == analysis_of(*CALL).timeline
    assert decode_record(encode_record(record)) == record
    without = to_record(resident.state, resident.analysis(contiguous=True), timeline=False)
    assert b"timeline" not in encode_record(without)
    assert decode_record(encode_record(without)) == without


def test_it_is_left_out_before_any_turn_row() -> None:
    resident = closed(held_of(*CALL))
    record = to_record(resident.state, resident.analysis(contiguous=True))
    line = encode_record(record)
    short = decode_record(encode_within(line, len(line) - 1))
    assert short.timeline is None
    assert short.turn_rows == record.turn_rows
