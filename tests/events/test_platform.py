"""A voice platform is added from outside: its CloudEvents become sessions, metrics and records."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest

from tests.scenes import BASE, cloud_event
from worker.errors import Unreadable
from worker.events.decode import decode_all
from worker.events.event import Event, SessionKey
from worker.events.occurrence import Damaged, Ignored, Occurrence
from worker.events.payload import (
    Configured,
    Failed,
    LanguageSettings,
    Latency,
    Payload,
    Tokens,
    WrapUp,
)
from worker.events.platform import FastPath, Platform, Platforms
from worker.events.twilio.platform import TWILIO
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import LiveReplay, Replay
from worker.stream.record import Record

TYPE: Final = "org.example.toy.heard"


def _payload(say: dict[str, Any]) -> tuple[str, Payload | None]:
    match say["it"]:
        case "setup":
            settings = LanguageSettings(say["speaks_by"], "V", say["hears_by"])
            return "configurations", Configured(say["lang"], say["lang"], settings)
        case "understood":
            return "stt_latency", Latency(say["took"])
        case "answered":
            return "final_token_received", Tokens(say["bits"])
        case "failed":
            return "error_event", Failed(say["why"])
        case "bye":
            return "call_wrap_up", WrapUp(say["lasted"], "bye", "ended")
        case other:
            return _NAMES.get(other, other), None


_NAMES: Final = {
    "you": "start_of_customer_speech",
    "you stop": "end_of_customer_speech",
    "ask": "prompt_sent",
    "begin": "first_token_received",
    "me": "start_of_agent_speech",
    "me stop": "end_of_agent_speech",
}


def read(text: str, arrival: int) -> Occurrence:
    """A toy's CloudEvent, whose data is a list of pairs."""
    try:
        say = dict(json.loads(text)["data"])
        name, payload = _payload(say)
        key = SessionKey("toy", "", "", say["who"])
        return Event(key, BASE + say["at"], say["n"], name, payload, arrival)
    except (KeyError, TypeError, ValueError):
        raise Unreadable("no toy") from None


def read_quickly(data: bytes, arrival: int) -> Occurrence | None:
    try:
        kind = msgspec.json.decode(data)["type"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return None
    return read(data.decode(), arrival) if kind == TYPE else Ignored(kind)


def toy(fast: FastPath | None = None) -> Platform:
    return Platform("toy", frozenset({TYPE}), read, fast)


PLATFORMS: Final = {
    "slow": Platforms(TWILIO, toy()),
    "fast": Platforms(TWILIO, toy(read_quickly)),
    "first": Platforms(toy(read_quickly), TWILIO),
    "slow and first": Platforms(toy(), TWILIO),
}
each_way = pytest.mark.parametrize("platforms", PLATFORMS.values(), ids=PLATFORMS)


def said(n: int, at: int, it: str, **fields: object) -> bytes:
    data = {"who": "T1", "n": n, "at": at, "it": it, **fields}
    return json.dumps({"type": TYPE, "data": list(data.items())}).encode()


DIALOGUE: Final = (
    said(1, 0, "setup", lang="nl-NL", speaks_by="chatty", hears_by="ears"),
    said(2, 1_000, "you"),
    said(3, 2_000, "you stop"),
    said(4, 2_100, "understood", took=90),
    said(5, 2_200, "ask"),
    said(6, 2_500, "begin"),
    said(7, 2_900, "me"),
    said(8, 3_000, "answered", bits=12),
    said(9, 4_000, "me stop"),
    said(10, 4_500, "failed", why=7),
    said(11, 4_600, "hummed"),
    said(12, 5_000, "bye", lasted=5),
)


def records(*data: bytes) -> list[Record]:
    return [Record("shard-0", str(n), BASE + 6_000, one, "") for n, one in enumerate(data)]


@each_way
@pytest.mark.parametrize("kind", [Replay, LiveReplay])
def test_another_platforms_events_become_sessions_turns_metrics_and_a_record(
    platforms: Platforms, kind: type[Replay]
) -> None:
    made: list[dict[str, Any]] = []
    samples: dict[str, list[int]] = {}

    def take(outputs: Outputs) -> None:
        made.extend(json.loads(record.line) for record in outputs.records)
        for (series, _), distribution in outputs.window.items():
            samples.setdefault(series.metric, []).extend(distribution)

    replay = kind(Rules(), take, platforms)
    for record in records(*DIALOGUE, cloud_event(0, "dtmf"), DIALOGUE[3]):
        replay.feed(record)
    replay.finish()
    assert replay.counters["duplicates"] == 1
    (whole,) = (record for record in made if record["platform"] == "toy")
    (other,) = (record for record in made if record["platform"] == "twilio")
    assert (whole["session_id"], whole["end_status"], whole["duration_s"]) == ("T1", "bye", 5)
    assert (whole["turns"], whole["tokens"]["total"], other["dtmf"]) == (1, 12, 1)
    assert whole["context"]["tts_provider"] == "chatty"
    assert whole["latency_ms"]["response"]["p50"] == 900
    assert whole["latency_ms"]["stt"]["p50"] == 90
    assert whole["turn_rows"][0]["language"] == "nl-NL"
    assert whole["errors"][0]["code"] == 7
    assert whole["unknown_events"] == {"hummed": 1}
    assert set(samples["ResponseLatency"]) == {900}
    assert set(samples["ApplicationLatency"]) == {300}


@each_way
def test_each_cloud_event_is_its_own_platforms_and_all_others_are_ignored(
    platforms: Platforms,
) -> None:
    foreign = json.dumps({"type": "org.example.other", "data": [1]}).encode()
    odd = json.dumps({"type": TYPE, "data": 5}).encode()
    data = (DIALOGUE[1], cloud_event(0, "dtmf"), foreign, b"[" + DIALOGUE[2] + b"]", odd, b"{")
    event, twilio, ignored, listed, broken, none = (
        delivery.occurrence for delivery in decode_all(records(*data), platforms)
    )
    assert isinstance(event, Event)
    assert isinstance(twilio, Event)
    assert isinstance(listed, Event)
    assert (event.key.platform, twilio.key.platform) == ("toy", "twilio")
    assert listed.name == "end_of_customer_speech"
    assert ignored == Ignored("org.example.other")
    assert isinstance(broken, Damaged)
    assert isinstance(none, Damaged)


def test_without_the_platform_its_events_are_of_a_type_that_nobody_reads() -> None:
    assert [one.occurrence for one in decode_all(records(DIALOGUE[0]))] == [Ignored(TYPE)]


def test_two_platforms_can_not_have_one_type() -> None:
    with pytest.raises(ValueError, match=TYPE):
        Platforms(toy(), toy())
