"""Two platforms on one stream: each session is what its own tells, and no series is of both."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from tests.pinecall.mapping.logs import (
    CALL,
    frames,
    mapped,
    mapped_frames,
    pages,
    records,
    streamed,
)
from tests.scenes import Result
from worker.metrics.series import SeriesRules
from worker.partition.rules import Rules
from worker.stream.record import Record
from worker.testing.rearranging import rearranged
from worker.testing.traffic import Traffic, simulated_records

PLATFORM = ("Platform", "pinecall")


def whole() -> list[Record]:
    return records(mapped(pages()))


def test_the_pages_and_the_stream_of_a_call_give_one_record() -> None:
    assert Result(records(mapped(streamed()))).lines == Result(whole()).lines


def test_a_record_has_the_vendors_own_figures() -> None:
    result = Result(whole())
    record, (greeting, *turns) = result.record, result.record["turn_rows"]
    assert (record["turns"], record["ambiguous_turns"]) == (4, 0)
    assert [row["response_ms"] for row in turns] == [1123, 2162, 1032, 1012]
    assert [row["caller_wait_ms"] for row in turns] == [1123, 2162, 1032, 1012]
    assert [row["application_ms"] for row in turns] == [420, 1450, 350, 390]
    assert greeting["outcome"] == "greeting"
    assert record["latency_ms"]["time_to_first_audio"] == 288
    assert result.samples("ResponseLatency", Platform="pinecall") == [1012, 1032, 1123, 2162]
    assert result.samples("EndOfTurnDelay", Platform="pinecall") == [340, 350, 360, 380]


def test_nobody_waits_on_hold_or_while_a_human_has_the_call() -> None:
    record = Result(whole()).record
    assert (record["held_ms"], record["handoff_ms"], record["handoffs"]) == (5_000, 24_900, 1)
    assert record["latency_ms"]["caller_wait"]["max"] == 2162
    assert (record["abandoned_waits"], record["unanswered_prompts"]) == (0, 0)
    assert record["talk"]["longest_silence_ms"] == 15_502  # up to the human's taking over


def test_what_its_events_cant_tell_is_not_told() -> None:
    result = Result(whole())
    assert result.record["latency_ms"]["barge_in_stop"] is None
    assert result.record["interruptions"]["by_type"]["SPEECH"] == 1
    assert not any(metric == "BargeInStopTime" for metric, _, _ in result.window)


def test_its_tools_and_its_agent_are_named() -> None:
    result = Result(whole())
    assert result.samples("ToolCalls", Platform="pinecall", Tool="find_slots") == [1]
    record = result.record
    assert (record["account_sid"], record["agent"], record["call_sid"]) == (
        "org_example",
        "front-desk",
        CALL,
    )
    assert record["tool_calls"] == 1
    assert record["completeness"]["missing"] == 0


@pytest.mark.parametrize("seed", range(8))
def test_order_repetition_and_shards_change_nothing(seed: int) -> None:
    moved = rearranged(whole(), seed, 5, 90_000, 0.4)
    wanted, found = Result(whole()), Result(moved)
    assert found.lines == wanted.lines
    assert _told(found) == _told(wanted)


@pytest.mark.parametrize("arrivals", [None, 1_790_942_400_000])
def test_of_the_older_sdks_frames_no_latency_is_guessed(arrivals: int | None) -> None:
    ticks = None if arrivals is None else count(arrivals, 100)
    record = Result(records(mapped_frames(frames("sdk-capture.sse"), ticks))).record
    latencies = {name for name, of in record["latency_ms"].items() if of is not None}
    assert latencies == {"caller_wait", "reply_duration"}
    assert record["latency_ms"]["caller_wait"]["max"] == 1_700
    assert (record["turns"], record["unanswered_prompts"]) == (1, 0)
    assert "held_ms" not in record
    assert record["end_status"] == "disconnected"


@pytest.mark.parametrize("name", ["sdk-capture.sse", "sdk-stream.sse"])
def test_a_session_whose_events_tell_of_no_tokens_gives_no_sample_of_them(name: str) -> None:
    found = Result(records(mapped_frames(frames(name))))
    assert found.record["prompts"] > 0
    assert found.record["tokens"] == {"total": 0, "words": 0, "replies": 0, "per_second": None}
    names = {metric for metric, _, _ in found.window}
    assert "TurnsPerSession" in names
    assert "TokensPerSession" not in names
    assert "TokensPerSession" in {metric for metric, _, _ in Result(whole()).window}


def test_of_a_whole_call_in_frames_the_greeting_is_a_greeting() -> None:
    record = Result(records(mapped_frames(frames("sdk-stream.sse")))).record
    assert [row["outcome"] for row in record["turn_rows"]][:2] == ["greeting", "ambiguous"]
    assert record["latency_ms"]["time_to_first_audio"] is None
    assert record["latency_ms"]["response"] is None


def test_no_series_is_of_two_platforms() -> None:
    twilio = list(simulated_records(Traffic(sessions=8, delay_median_s=0), 3))
    both, alone, other = Result([*twilio, *whole()]), Result(twilio), Result(whole())
    assert both.window == alone.window | other.window
    assert not alone.window.keys() & other.window.keys()
    assert all(PLATFORM in dimensions for _, dimensions, _ in other.window)
    assert not any(PLATFORM in dimensions for _, dimensions, _ in alone.window)
    assert sorted(both.lines) == sorted(alone.lines + other.lines)


def test_labels_may_be_an_accounts_or_an_agents() -> None:
    labels = {
        "org_example": {"Environment": "production"},
        "org_example/front-desk": {"Agent": "desk"},
        "org_example/other": {"Agent": "other"},
    }
    found = Result(whole(), Rules(series=SeriesRules(labels=labels)))
    wanted = (("Agent", "desk"), ("Environment", "production"), PLATFORM)
    assert ("Turns", wanted, 1_790_942_400_000) in found.window
    assert all(set(wanted) <= set(dimensions) for _, dimensions, _ in found.window)


def test_a_first_mappings_events_are_read_too() -> None:
    """They are numbered 1, 2, …, name no predecessor, and have no links."""
    plain: list[Record] = []
    for one in whole():
        event = json.loads(one.data)
        data: dict[str, Any] = event["data"]
        for name in ("sequence_number", "previous", "turn"):
            data.pop(name, None)
        data["n"] = len(plain) + 1
        if data["name"] != "turn_latency":
            plain.append(_with(one, event))
    record = Result(plain).record
    assert [row["response_ms"] for row in record["turn_rows"]] == [None, 1123, 2162, 1032, 1012]


def _with(record: Record, event: dict[str, Any]) -> Record:
    return Record("shard-0", record.sequence_number, record.arrival, json.dumps(event).encode(), "")


def _told(result: Result) -> dict[Any, Any]:
    return {key: value for key, value in result.window.items() if key[0] != "DeliveryDelay"}
