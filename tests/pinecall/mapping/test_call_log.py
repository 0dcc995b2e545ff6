"""A call's log becomes call events, the same at every reading, and nothing said is among them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pinecall.mapping.logs import ACCOUNT, CALL, Entry, mapped, pages, records, streamed
from tests.scenes import Result
from worker.events.pinecall.cloud_event import PinecallData, encode_event
from worker.pinecall.mapping.call_log import CallMapping

SECRETS = (
    *("+15005550111", "15005550111", "5005550111", "+15005550199", "Sam", "Example", "Ana"),
    *(
        "book",
        "Thursday",
        "please",
        "adios",
        "Gracias",
        "morning",
        "sip_",
        "SIP-",
        "ct_1f",
        "m_ana",
    ),
    *("19:00", "2 slots", "toolu_", "no first word", "caller asked", "item_", "req_", "w_eu1"),
    "sp_1",
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(["", "voice", "text", "sp_1", "+1 500 555 0111", "x" * 300, "en"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def entry(seq: int, kind: str, at: float, **data: Any) -> Entry:
    whole = {"seq": seq, "ts": 1_790_942_400.0 + at, "call": CALL, "agent": "front-desk"}
    return {**whole, "type": kind, "ephemeral": False, "data": data}


def data_of(entries: list[Entry]) -> list[PinecallData]:
    return [event.data for event in mapped(entries)]


def names(entries: list[Entry]) -> list[str]:
    return [one.name for one in data_of(entries)]


def test_pages_and_the_stream_of_one_call_give_the_same_bytes() -> None:
    assert list(map(encode_event, mapped(pages()))) == list(map(encode_event, mapped(streamed())))
    assert len(mapped(pages())) == 64


def test_nothing_that_was_said_and_nobody_is_in_what_leaves() -> None:
    text = b"\n".join(map(encode_event, mapped(streamed()))).decode()
    whole = json.dumps(streamed())
    for secret in SECRETS:
        assert secret in whole or secret == "15005550111"
        assert secret not in text


def test_each_event_names_the_one_before_it() -> None:
    found = [one.data for one in mapped(pages())]
    numbers = [one.sequence_number for one in found]
    assert [one.previous for one in found] == [None, *numbers[:-1]]
    assert numbers == sorted(set(numbers))


def test_a_number_is_the_same_whatever_an_earlier_reading_missed() -> None:
    whole = {event.id: event.data.name for event in mapped(pages())}
    mapping = CallMapping(ACCOUNT, CALL)
    part = [event for one in pages()[:20] for event in mapping.read(one)]
    mapping.lost()
    part += [event for one in pages()[30:] for event in mapping.read(one)]
    assert {(event.id, event.data.name) for event in part} <= whole.items()
    unknown = [event for event in part if event.data.previous is None]
    assert len(unknown) == 2  # the first one, and the first after the gap


def test_an_entry_that_was_read_says_nothing_again() -> None:
    twice = [one for one in pages() for _ in range(2)]
    assert list(map(encode_event, mapped(twice))) == list(map(encode_event, mapped(pages())))


def test_a_turn_that_was_written_twice_is_told_once() -> None:
    doubled = []
    for one in pages():
        again = copy.deepcopy(one)
        again["seq"] += 0.5
        doubled += [one, again] if one["type"].startswith("turn.") else [one]
    renumbered = [{**one, "seq": seq} for seq, one in enumerate(doubled, 1)]
    assert names(renumbered) == names(list(pages()))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"channel": "phone", "medium": "text"}, "text"),
        ({"channel": "whatsapp", "medium": "voice"}, "whatsapp"),
        ({"channel": "phone", "medium": "voice", "run": "run_1"}, "simulation"),
        ({"channel": "phone", "medium": "voice", "persona": "angry"}, "simulation"),
    ],
)
def test_what_is_no_customers_call_gives_nothing(data: dict[str, Any], why: str) -> None:
    mapping = CallMapping(ACCOUNT, CALL)
    started = {**pages()[3], "data": {**pages()[3]["data"], **data}}
    some = [started if one["type"] == "call.started" else one for one in pages()]
    assert [event for one in some for event in mapping.read(one)] == []
    assert (mapping.skipped, mapping.ended) == (why, True)


def test_a_turn_without_measurements_is_a_prompt_at_its_entrys_time() -> None:
    (one,) = data_of([entry(5, "turn.user", 3.25, speech_id="sp", text="hi")])
    assert (one.name, one.timestamp) == ("prompt_sent", "2026-10-02T12:00:03.250Z")


def test_the_first_token_lies_between_the_prompt_and_the_audio() -> None:
    for ended, wanted in ((5.0, "03.500"), (9.0, "06.000"), (6.5, "04.500")):
        found = data_of(
            [
                entry(1, "turn.user", 3.5, speech_id="sp"),
                entry(2, "metrics.llm", 7, speech_id="sp", ttft=1, duration=3, cancelled=False)
                | {"data": _request(ended)},
                entry(3, "turn.agent", 8, speech_id="sp", metrics=_audio(6.0, 7.0)),
            ]
        )
        first = next(one for one in found if one.name == "first_token_received")
        assert first.timestamp == f"2026-10-02T12:00:{wanted}Z"


def test_the_final_token_is_not_before_the_first_so_that_later_replies_are_measured() -> None:
    log: list[Entry] = []
    for turn in range(4):
        at, speech = 10.0 * turn, f"sp{turn}"
        stopped = at + 2
        ended = stopped + (0.6 if turn == 0 else 2.0)  # before the turn counts as over, or after
        user = {**_audio(at, stopped), "end_of_turn_delay": 0.8}
        request = {**_request(ended), "duration": 1.0, "ttft": 0.25, "speech_id": speech}
        for kind, data in (
            ("turn.user", {"speech_id": speech, "metrics": user}),
            ("metrics.llm", request),
            ("turn.agent", {"speech_id": speech, "metrics": _audio(stopped + 1.5, stopped + 4)}),
        ):
            log.append(entry(len(log) + 1, kind, at + 6, **data))
    samples = Result(records(mapped(log))).samples("TokenStreamDuration", Platform="pinecall")
    assert samples == [0, 750, 750, 750]


def _request(ended: float) -> dict[str, Any]:
    at = 1_790_942_400.0 + ended
    return {"speech_id": "sp", "timestamp": at, "duration": 3.0, "ttft": 1.0, "cancelled": False}


def _audio(started: float, stopped: float) -> dict[str, Any]:
    base = 1_790_942_400.0
    return {"started_speaking_at": base + started, "stopped_speaking_at": base + stopped}


def test_a_request_that_calls_a_tool_speaks_no_word() -> None:
    tools = [one for one in data_of(list(pages())) if one.turn is not None]
    second = [one for one in tools if one.src_seq == 42]
    assert second[0].name == "first_token_received"
    assert second[0].timestamp == "2026-10-02T12:00:15.835Z"


def test_names_pass_and_what_could_be_anything_else_is_other() -> None:
    said = (
        "find_slots",
        "book table",
        "call +1 500 555 0111",
        "x" * 200,
        "a@b.example",
        "tab\tle",
        7,
        None,
    )
    found = [data_of([entry(1, "tool.result", 0, name=name)])[0] for name in said]
    assert [one.tool_call.name for one in found] == [
        "find_slots",
        *(["other"] * 5),
        *("unknown", "unknown"),
    ]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(range(len(pages()))), st.data()), max_size=12))
def test_whatever_stands_in_an_entry_nothing_breaks(picks: list[tuple[int, Any]]) -> None:
    mapping = CallMapping(ACCOUNT, CALL)
    for seq, (index, data) in enumerate(picks, 1):
        one = copy.deepcopy(pages()[index])
        one["seq"] = data.draw(st.just(seq) | junk)
        name = data.draw(st.sampled_from([*one["data"], "ts", "agent", "type"]))
        (one if name in one else one["data"])[name] = data.draw(junk)
        metrics = one["data"].get("metrics")
        if isinstance(metrics, dict) and metrics:
            metrics[data.draw(st.sampled_from(sorted(metrics)))] = data.draw(junk)
        for event in mapping.read(one):
            assert b"5005550111" not in encode_event(event)


@given(junk)
def test_whatever_stands_for_an_entry_nothing_breaks(one: object) -> None:
    assert CallMapping(ACCOUNT, CALL).read(one) == []


def test_what_says_nothing_is_counted_by_its_name() -> None:
    mapping = CallMapping(ACCOUNT, CALL)
    for seq, kind in enumerate(["memory.ops", "memory.ops", "call.summary", "<odd one>"], 1):
        assert mapping.read(entry(seq, kind, seq)) == []
    assert mapping.dropped == {"memory.ops": 2, "other": 1}
