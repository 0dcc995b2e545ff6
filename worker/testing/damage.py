"""Unreadable records of every kind to be expected, one occurrence each.

None of them can be mistaken for a good event: each lacks something that a reader needs to fold it
into a session.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final

from worker.events.kpl import sealed
from worker.events.twilio.envelope import GATEWAY_TYPE
from worker.testing.aggregates import aggregate
from worker.testing.conversation import SimulatedEvent
from worker.testing.envelopes import (
    Oddities,
    encode_envelope,
    new_call,
    relay_event,
    sid,
)

_PLAIN: Final = Oddities(data_as_string=0, no_nested_name=0, no_edge=0, no_time=0)


def damaged(rng: Random, at: int) -> bytes:
    """An unreadable record, made from an event of its own session at epoch ms ``at``."""
    return rng.choice(_KINDS)(rng, _event(rng, at))


def _event(rng: Random, at: int) -> dict[str, Any]:
    call = new_call(rng, sid(rng, "AC"))
    prompt = SimulatedEvent(at, "prompt_sent")
    return relay_event(rng, call, prompt, rng.randrange(1, 100), _PLAIN)


def _empty(_: Random, __: dict[str, Any]) -> bytes:
    return b""


def _cut_short(rng: Random, event: dict[str, Any]) -> bytes:
    whole = encode_envelope(event)
    return whole[: rng.randrange(1, len(whole))]


def _no_utf8(rng: Random, event: dict[str, Any]) -> bytes:
    whole = encode_envelope(event)
    if rng.random() < 0.3:
        return whole.decode().encode("utf-16")
    session_id = event["data"]["conversation_relay_data"]["session_id"].encode()
    return whole.replace(session_id, b"VX\xff\xc0").replace(b"com.twilio", b"com\x80twilio")


def _no_json(rng: Random, _: dict[str, Any]) -> bytes:
    return rng.choice(
        (
            b"not json",
            b"<html><body>502 Bad Gateway</body></html>",
            b"{'type': 'single quotes'}",
            b'{"type": NaN}',
            b'{"type": "a",}',
            b"{} {",
            b"\x1f\x8b\x08\x00" + rng.randbytes(40),
            b"\x00" * 64,
            b"\xff" + rng.randbytes(rng.randrange(200)),
        )
    )


def _no_object(rng: Random, _: dict[str, Any]) -> bytes:
    return rng.choice((b"42", b'"text"', b"null", b"true", b"[42]", b'["text"]', b"[null]"))


def _no_type(rng: Random, event: dict[str, Any]) -> bytes:
    if rng.random() < 0.3:
        del event["type"]
    else:
        event["type"] = rng.choice((None, 7, True, [GATEWAY_TYPE], {"a": 1}))
    return encode_envelope(event)


def _no_session(rng: Random, event: dict[str, Any]) -> bytes:
    return _broken_relay(rng, event, "session_id", ("", None, 12, [], {}, False))


def _no_sequence_number(rng: Random, event: dict[str, Any]) -> bytes:
    return _broken_relay(rng, event, "sequence_number", ("7", None, 1.5, True, [], {}))


def _broken_relay(rng: Random, event: dict[str, Any], key: str, values: tuple[Any, ...]) -> bytes:
    relay = event["data"]["conversation_relay_data"]
    value = rng.choice((*values, ...))
    if value is ...:
        del relay[key]
    else:
        relay[key] = value
    return encode_envelope(event)


_NO_TIMES: Final[tuple[object, ...]] = (
    None,
    "",
    "yesterday",
    1759406400,
    [],
    "2026-13-40T99:99:99Z",
    "2099-01-01T00:00:00Z",
)


def _no_time(rng: Random, event: dict[str, Any]) -> bytes:
    value = rng.choice(_NO_TIMES)
    event["data"]["timestamp"] = value
    event["time"] = value
    return encode_envelope(event)


def _no_relay_data(rng: Random, event: dict[str, Any]) -> bytes:
    event["data"]["conversation_relay_data"] = rng.choice((None, "text", 5, [], True))
    return encode_envelope(event)


def _no_data(rng: Random, event: dict[str, Any]) -> bytes:
    event["data"] = rng.choice(
        ("", "{", "not json", "[1, 2", encode_envelope(event["data"]).decode()[:-1])
    )
    return encode_envelope(event)


def _too_deep(rng: Random, event: dict[str, Any]) -> bytes:
    depth = rng.randrange(5_000, 20_000)
    event["data"]["conversation_relay_data"] = "HERE"
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return encode_envelope(event).replace(b'"HERE"', opening * depth + b"1" + closing * depth)


def _broken_aggregate(rng: Random, event: dict[str, Any]) -> bytes:
    inner = _cut_short(rng, event)
    whole = aggregate("k", [inner])
    return rng.choice((whole[:-1], whole[:-20] + bytes(20), sealed(b"\xff" * 40), whole[:4]))


_KINDS: Final[tuple[Callable[[Random, dict[str, Any]], bytes], ...]] = (
    _empty,
    _cut_short,
    _cut_short,
    _no_utf8,
    _no_json,
    _no_object,
    _no_type,
    _no_session,
    _no_sequence_number,
    _no_time,
    _no_relay_data,
    _no_data,
    _too_deep,
    _broken_aggregate,
)
