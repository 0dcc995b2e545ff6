"""Sessions that no real platform would send: ties, gaps, conflicts, wrong types, missing parts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.oracle.decoding import GATEWAY, PAYLOAD_KEYS, TEST_EVENT
from worker.stream.record import Record
from worker.testing.aggregates import aggregate

BASE = 1_790_942_399_000  # a second before a full minute
ARRIVAL = BASE + 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SPEECH = (
    *("start_of_customer_speech", "end_of_customer_speech"),
    *("start_of_agent_speech", "end_of_agent_speech"),
)
DIALOGUE = (
    *SPEECH,
    *SPEECH,
    *("prompt_sent", "prompt_sent", "first_token_received", "first_token_received"),
    *("final_token_received", "interrupt", "configurations"),
)
NAMES = (
    *DIALOGUE,
    *("stt_latency", "tts_latency", "preempted", "dtmf", "digit", "play_media"),
    *("language_changed", "language_info", "error_event", "error", "call_wrap_up"),
    *("sentiment_detected", "last_token_received", "Prompt_Sent"),
)

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.just([]),
    st.just({}),
    st.just([1]),
    st.just(""),
    st.just("7"),
    st.just(1.5),
)
numbers = st.one_of(
    st.integers(0, 900),
    st.sampled_from((-1, 0, 1, 600_000, 600_001, 10**9)),
)
codes = st.sampled_from(("en-US", "es-US", "de-DE", ""))
words = st.sampled_from(
    (
        *("block_ElevenLabs", "Google", "deepgram", "V1-1.0_0.7_0.8", "Nova-3", "block_"),
        *("v\u00e9\n ", "v\u00ea\n ", " Google", "other", "x~0a1b2c", "\u202egnp", "  "),
        *("y" * 199, "y" * 200, "y" * 201, "y" * 202, "z" * 300),
        *("+15551234567", "15557654321", "bob@example.com", "198.51.100.7", "2001:db8::beef"),
        *("4111 1111 1111 1111", "987-65-4320", "wss://x.example/ws?caller=1", "CA" + "0" * 32),
        "so I said to her that " * 4,
    )
)


def maybe_odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, usual, odd_values)


def some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    odd = {name: maybe_odd(strategy) for name, strategy in fields.items()}
    return st.fixed_dictionaries({}, optional={**odd, "extra": st.integers(0, 1)})


engines = {
    "tts_provider": words,
    "voice": words,
    "transcription_provider": words,
    "speech_model": words,
}
language = some_of(tts_language_code=codes, transcription_language_code=codes, **engines)
settings = some_of(
    ttsProvider=words,
    voice=words,
    transcriptionProvider=words,
    speechProvider=words,
    ttsLanguage=codes,
    transcriptionLanguage=codes,
    interruptible=st.sampled_from(("TRUE", "any")),
    speechTimeout=st.just("0"),
    debug=st.just("[SPEAKER_EVENT_REPORT]"),
)
languages = st.dictionaries(codes, maybe_odd(some_of(**engines)), max_size=2)
latency = some_of(latency_ms=numbers)
PAYLOADS = {
    "stt_latency": latency,
    "tts_latency": latency,
    "interrupt": some_of(type=st.sampled_from(("SPEECH", "DTMF", "speech", "OTHER"))),
    "final_token_received": some_of(
        total_tokens=st.one_of(numbers, st.just(20.0)), total_words=numbers
    ),
    "configurations": some_of(configurations=settings, languages=languages),
    "language_changed": language,
    "language_info": language,
    "call_wrap_up": some_of(
        duration_in_seconds=numbers,
        end_status=st.sampled_from(("ended", "hung_up", "failure", "unknown", "new_one")),
    ),
    "error_event": some_of(
        error_code=st.one_of(numbers, words), message=st.sampled_from(("m", "n" * 201, "é"))
    ),
}
PAYLOADS["error"] = PAYLOADS["error_event"]


@st.composite
def relay_data(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """The payload that belongs to the name, mostly, and sometimes one that doesn't."""
    relay: dict[str, Any] = {}
    payload = PAYLOADS.get(name)
    if payload is not None and draw(st.integers(0, 5)):
        relay[PAYLOAD_KEYS.get("error_event" if name == "error" else name, name)] = draw(
            maybe_odd(payload)
        )
    if not draw(st.integers(0, 7)):
        relay.setdefault("stt_latency", {"latency_ms": 1})
        relay.setdefault("interrupt", {"type": "DTMF"})
    return relay


def written(draw: st.DrawFn, ms: int) -> str:
    """A time in one of RFC 3339's many ways."""
    offset = draw(st.sampled_from((None, None, 0, 330, -480)))
    zone = UTC if offset is None else timezone(timedelta(minutes=offset))
    moment = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    digits = f"{ms % 1000:03d}" + draw(st.sampled_from(("", "", "999", "999999")))
    end = draw(st.sampled_from(("Z", ""))) if offset is None else moment.strftime("%z")
    end = f"{end[:3]}:{end[3:]}" if len(end) == 5 else end
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + digits + end


@st.composite
def occurrence(draw: st.DrawFn, names: tuple[str, ...], span_ms: int) -> dict[str, Any]:
    """One CloudEvent of one of two sessions."""
    name = draw(st.sampled_from(names))
    at = BASE + draw(st.integers(0, 12)) * (span_ms // 12)
    relay = draw(relay_data(name))
    relay["session_id"] = draw(st.sampled_from(("VX1", "VX1", "VX1", "VX2")))
    relay["sequence_number"] = draw(
        st.one_of(st.integers(0, 12), st.sampled_from((-1, 2**31 - 1, 2**31)))
    )
    data: dict[str, Any] = {"account_sid": "AC1", "call_sid": "CA1", "edge": None, "level": None}
    where = draw(st.sampled_from(("nested", "nested", "both", "outer", "null", "odd")))
    if where != "outer":
        relay["name"] = {"null": None, "odd": 5}.get(where, name)
    if where != "nested":
        data["name"] = "something_else" if where == "both" else name
    data["conversation_relay_data"] = relay
    event: dict[str, Any] = {"type": GATEWAY, "datacontenttype": "2021-05-24T14:15:22Z"}
    if draw(st.integers(0, 5)):
        data["timestamp"] = written(draw, at)
        event["time"] = draw(st.sampled_from((None, "2020-01-01T00:00:00Z", 5)))
    else:
        event["time"] = written(draw, at)
    event["data"] = json.dumps(data) if not draw(st.integers(0, 5)) else data
    return event


AHEAD = "2026-10-02T13:00:59.000Z"  # an hour after ARRIVAL: the last moment to be believed
BEHIND = "2026-09-01T12:00:59.000Z"  # 31 days before it: the first one
odd_fields = st.one_of(
    odd_values,
    st.sampled_from(
        (..., -1, 1.0, 2**31 - 1, 2**31, 2**63, 2**80, " ", "AC1", "{}", "null", "[1]")
    ),
    st.sampled_from(
        (
            *(
                BEHIND,
                "2026-09-01T12:00:58.999Z",
                AHEAD,
                "2026-10-02T13:00:59.001Z",
                "2026-10-02T13:00:59.0009",
                "2026-10-02",
            ),
            *("2026-10-02T12:00:60Z", "2026-10-02T11:59:59+24:00", "2026-02-30T00:00:00Z"),
            *("1969-12-31T23:59:59.9999Z", "2026-10-02t11:59:59z", "yesterday"),
        )
    ),
    st.sampled_from((TEST_EVENT, "com.twilio.voice.insights.call-event.sdk", "conversation_relay")),
)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """An occurrence with one or two of its fields missing or as they shouldn't be."""
    event: dict[str, Any] = draw(occurrence(NAMES, 24_000))
    if isinstance(event["data"], str):
        event["data"] = json.loads(event["data"])
    places = {
        "event": event,
        "data": event["data"],
        "relay": event["data"]["conversation_relay_data"],
    }
    for _ in range(draw(st.integers(1, 2))):
        place, field = draw(
            st.sampled_from(
                (
                    *(("event", "type"), ("event", "data"), ("event", "time")),
                    *(("data", "timestamp"), ("data", "group"), ("data", "name")),
                    *(("data", "account_sid"), ("data", "call_sid")),
                    *(("data", "conversation_relay_data"), ("relay", "name")),
                    *(("relay", "session_id"), ("relay", "sequence_number")),
                )
            )
        )
        value = draw(odd_fields)
        if value is ...:
            places[place].pop(field, None)
        else:
            places[place][field] = value
    return event


@st.composite
def plain_dialogue(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    """One session of nothing but the turn rules' events, mostly in an order of their own. Some
    numbers are missing, some come twice, some run backwards.
    """
    events = []
    at, number = BASE, 10
    steps = (1,) * draw(st.integers(1, 30)) + (0, 2, 2, 2, 3, -1, -2)
    for _ in range(draw(st.integers(1, most))):
        at += draw(st.sampled_from((0, 1, 300, 7_000)))
        number = max(0, number + draw(st.sampled_from(steps)))
        name = draw(st.sampled_from(DIALOGUE))
        tokens = {"total_tokens": 7, "total_words": 5} if name.startswith("final") else None
        events.append(relay_event(at - BASE, name, tokens, number))
    return events


def relay_event(at: int, name: str, payload: Any = None, number: int = 1) -> dict[str, Any]:
    """A plain CloudEvent of session VX1, ``at`` ms after BASE."""
    relay = {"session_id": "VX1", "name": name, "sequence_number": number}
    if payload is not None:
        relay[PAYLOAD_KEYS[name]] = payload
    moment = EPOCH + timedelta(milliseconds=BASE + at)
    data = {
        "timestamp": moment.isoformat(timespec="milliseconds"),
        "account_sid": "AC1",
        "call_sid": "CA1",
        "conversation_relay_data": relay,
    }
    return {"type": GATEWAY, "data": data}


def delivered(events: list[dict[str, Any]], seed: int) -> list[Record]:
    """The events on several shards in any order, alone, in lists, as documents one after another
    and in aggregates, some twice.

    All arrive at one time: which delivery came first is for tests of its own.
    """
    rng = Random(seed)
    waiting = [event for event in events for _ in range(rng.choice((1, 1, 1, 2)))]
    rng.shuffle(waiting)
    records: list[Record] = []
    while waiting:
        size = rng.choice((1, 1, 1, 2, 3))
        bundle, waiting = waiting[:size], waiting[size:]
        shard = f"shardId-{rng.randrange(3):012d}"
        data = packed(rng, bundle)
        records.append(Record(shard, f"{len(records):056d}", ARRIVAL, data, "k"))
    return records


def packed(rng: Random, bundle: list[dict[str, Any]]) -> bytes:
    if len(bundle) == 1 and rng.random() < 0.8:
        return json.dumps(bundle[0]).encode()
    form = rng.random()
    if form < 0.4:
        return json.dumps(bundle).encode()
    if form < 0.6:
        return rng.choice(("", "\n", " \r\n")).join(map(json.dumps, bundle)).encode()
    return aggregate("k", [json.dumps(event).encode() for event in bundle])
