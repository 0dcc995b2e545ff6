"""Conversations: the order of real calls, and all that happens in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.events.event import EVENT_CODES
from worker.testing.conversation import SimulatedEvent, converse
from worker.testing.habits import Habits
from worker.testing.personas import PERSONAS

RATES = [field.name for field in fields(Habits) if field.name != "turns"]
NONE = Habits(**dict.fromkeys(RATES, 0.0))
START = 1_790_942_400_000

habits = st.builds(Habits, turns=st.floats(0.1, 20), **{name: st.floats(0, 1) for name in RATES})


def conversations(some: Habits, count: int = 200) -> list[list[SimulatedEvent]]:
    return [
        converse(Random(seed), some, PERSONAS[seed % len(PERSONAS)], START) for seed in range(count)
    ]


def names(events: list[SimulatedEvent]) -> Counter[str]:
    return Counter(event.name for event in events)


@given(habits, st.integers(0, 10_000), st.sampled_from(PERSONAS))
def test_events_are_in_order_and_end_with_the_wrap_up(
    some: Habits, seed: int, persona: Any
) -> None:
    events = converse(Random(seed), some, persona, START)
    assert events[0] == SimulatedEvent(START, "configurations", "configurations", events[0].payload)
    assert all(one.at <= other.at for one, other in pairwise(events))
    wrap_ups = [place for place, event in enumerate(events) if event.name == "call_wrap_up"]
    assert wrap_ups in ([], [len(events) - 1])


@given(habits, st.integers(0, 10_000), st.sampled_from(PERSONAS))
def test_the_agent_never_begins_to_speak_twice_without_an_end(
    some: Habits, seed: int, persona: Any
) -> None:
    speaking = 0
    for event in converse(Random(seed), replace(some, early_hellos=0, back_to_back=0), persona, 0):
        speaking += (event.name == "start_of_agent_speech") - (event.name == "end_of_agent_speech")
        assert speaking in (0, 1)
    assert speaking == 0


@given(habits, st.integers(0, 10_000), st.sampled_from(PERSONAS))
def test_customer_speech_begins_and_ends_in_turn(some: Habits, seed: int, persona: Any) -> None:
    events = converse(Random(seed), replace(some, coughs=0, back_to_back=0), persona, 0)
    speech = [event.name for event in events if event.name.endswith("_customer_speech")]
    assert speech[::2] == ["start_of_customer_speech"] * ((len(speech) + 1) // 2)
    assert speech[1::2] == ["end_of_customer_speech"] * (len(speech) // 2)


def test_a_plain_turn_has_the_order_of_real_ones() -> None:
    events = converse(Random(1), replace(NONE, turns=0.01), PERSONAS[0], START)
    assert names(events)["prompt_sent"] == 1
    order = [event.name for event in events if event.name != "final_token_received"]
    assert order == [
        "configurations",
        "tts_latency",
        "start_of_agent_speech",
        "end_of_agent_speech",
        "start_of_customer_speech",
        "stt_latency",
        "end_of_customer_speech",
        "prompt_sent",
        "first_token_received",
        "tts_latency",
        "start_of_agent_speech",
        "end_of_agent_speech",
        "call_wrap_up",
    ]
    at = {event.name: event.at for event in events[4:]}
    assert at["stt_latency"] == at["end_of_customer_speech"] == at["prompt_sent"]
    assert at["tts_latency"] == at["start_of_agent_speech"]
    assert at["first_token_received"] < at["final_token_received"] <= at["end_of_agent_speech"]


def test_latencies_are_those_of_real_calls() -> None:
    def latencies(name: str) -> list[int]:
        found = [e.payload for events in conversations(NONE) for e in events if e.name == name]
        return [value for p in found if p and isinstance(value := p["latency_ms"], int)]

    waits = [
        other.at - one.at
        for events in conversations(NONE)
        for one, other in pairwise(events)
        if (one.name, other.name) == ("prompt_sent", "first_token_received")
    ]
    assert 100 < median(latencies("stt_latency")) < 200
    assert 90 < median(latencies("tts_latency")) < 190
    assert 375 < median(waits) < 700


PINECALLS = {
    *("turn_latency", "tool_call", "handoff", "vendor_switched"),
    *("call_held", "call_unheld", "call_muted", "call_unmuted"),
}
"""Events that Twilio doesn't have."""


def test_every_known_event_occurs() -> None:
    seen: Counter[str] = Counter()
    for events in conversations(Habits(language_changes=0.5, errors=0.5, key_presses=0.1)):
        seen += names(events)
    assert set(EVENT_CODES) - PINECALLS <= set(seen)


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        ("barge_ins", "interrupt"),
        ("key_presses", "dtmf"),
        ("preemptions", "preempted"),
        ("media", "play_media"),
        ("digits", "digit"),
        ("language_changes", "language_changed"),
        ("errors", "error_event"),
        ("novelties", "sentiment_detected"),
    ],
)
def test_what_has_no_rate_does_not_happen(rate: str, name: str) -> None:
    assert not any(names(events)[name] for events in conversations(NONE, 50))
    always = replace(NONE, **{rate: 1.0})
    assert any(names(events)[name] for events in conversations(always, 50))


def test_silences_leave_the_last_prompt_unanswered() -> None:
    for events in conversations(replace(NONE, silences=1.0)):
        last = [event.name for event in events[-2:]]
        assert last == ["prompt_sent", "call_wrap_up"]
        assert events[-1].at - events[-2].at > 3_000


def test_sessions_may_end_without_a_wrap_up_and_with_each_status() -> None:
    assert not any(
        names(events)["call_wrap_up"] for events in conversations(replace(NONE, no_wrap_up=1.0))
    )
    ends = {
        str(event.payload["end_status"])
        for events in conversations(Habits(errors=0.5), 500)
        for event in events
        if event.name == "call_wrap_up" and event.payload
    }
    assert ends == {"unknown", "failure", "ended", "hung_up"}


def test_a_queued_reply_has_no_begin_of_its_own() -> None:
    some = replace(NONE, tool_delays=1.0, fillers=1.0, turns=20)
    counts: Counter[str] = Counter()
    for events in conversations(some, 100):
        counts += names(events)
    assert counts["first_token_received"] == 2 * counts["prompt_sent"]
    assert counts["start_of_agent_speech"] < counts["first_token_received"]


def test_settings_are_strings_in_mixed_case_with_prefix_and_suffix() -> None:
    payload: Any = converse(Random(1), Habits(), PERSONAS[0], START)[0].payload
    settings = payload["configurations"]
    assert all(isinstance(value, str) for value in settings.values())
    assert settings["ttsProvider"].startswith("block_")
    assert settings["interruptible"] == "TRUE"
    assert settings["partialPrompts"] == "false"
    assert payload["languages"][settings["ttsLanguage"]]["voice"] == settings["voice"]
