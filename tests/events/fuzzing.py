"""Real records, and what chance makes of them."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any, Final

from hypothesis import strategies as st

from tests.scenes import envelope
from worker.events.kpl import MAGIC
from worker.testing.traffic import Traffic, simulated_records

REAL: Final = [
    one.data for one in islice(simulated_records(Traffic(sessions=6, other_types=0.1), 3), 500)
]
LONG: Final = 20_000

bits = st.sampled_from(
    [
        *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"e", b" ", b"\x00"),
        *(b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"null"),
        *(b"1e999", b"-0.0", b"9" * 400, b"9" * LONG, b"1." + b"0" * LONG, b"NaN", b"true"),
        *(b"[" * LONG, b'{"a":' * LONG, b'{"a":1,' * LONG, b'"' + b"\\" * LONG, b"[[]," * LONG),
        *(MAGIC, b"com.twilio.voice.insights.call-event.gateway", b'"session_id":[]'),
    ]
)


@st.composite
def mutated(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A real record in which some places were cut out, doubled or replaced."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 8, 60, 400])))
        instead = draw(st.one_of(bits, st.just(b""), st.just(bytes(data[start:end]) * 2)))
        data[start:end] = instead
    return bytes(data)


_odd: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [None, True, "", " ", "\u2003", "x" * 300, 2**63, -(2**63), 2**64, 1.0, [], {}]
    ),
    st.sampled_from(["2026-10-02T12:00:00.0006Z", "2026-10-02 12:00:00", "1999-02-30T00:00:00Z"]),
    st.text(max_size=4),
)
_in_payloads = st.dictionaries(
    st.sampled_from(["latency_ms", "total_tokens", "total_words", "type", "mood"]), _odd, max_size=3
)
_RELAY: Final = (
    *("session_id", "sequence_number", "name", "stt_latency", "tts_latency", "interrupt"),
    *("last_token_received", "configurations", "language_changed", "language_info", "error"),
)
_CALL: Final = (
    *("timestamp", "account_sid", "call_sid", "name", "group", "conversation_relay_data"),
)
_NAMES: Final = (
    *("dtmf", "stt_latency", "tts_latency", "interrupt", "final_token_received", "error"),
    *("last_token_received", "configurations", "language_info", "brand_new"),
)


@st.composite
def odd_event(draw: st.DrawFn) -> bytes:
    """A call event with odd values where events have others, its ``data`` a string perhaps."""
    name = draw(st.sampled_from(_NAMES))
    relay = {"session_id": "VX1", "sequence_number": 1, "name": name}
    whole = json.loads(envelope(relay, 0))
    call = whole["data"]
    call["conversation_relay_data"].update(
        draw(st.dictionaries(st.sampled_from(_RELAY), _odd | _in_payloads, max_size=2))
    )
    call.update(draw(st.dictionaries(st.sampled_from(_CALL), _odd, max_size=1)))
    whole.update(draw(st.dictionaries(st.sampled_from(["type", "time"]), _odd, max_size=1)))
    if draw(st.booleans()):
        whole["data"] = json.dumps(call)
    return json.dumps(whole).encode()
