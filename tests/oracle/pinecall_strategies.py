"""Sessions of Pinecall that no real bridge would send: ties, gaps, conflicts, links to nowhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.decoding import PINECALL
from tests.oracle.strategies import BASE, DIALOGUE, EPOCH, maybe_odd, numbers, some_of

NAMES = (
    *DIALOGUE,
    *DIALOGUE,
    *("turn_latency", "turn_latency", "turn_latency", "handoff", "handoff"),
    *("call_held", "call_unheld", "call_held", "call_unheld"),
    *("stt_latency", "tts_latency", "tool_call", "vendor_switched", "call_muted", "call_unmuted"),
    *("language_info", "language_changed", "error_event", "dtmf", "call_wrap_up", "odd_one"),
)
names = st.sampled_from(("elevenlabs", "Deepgram", "flux-general-en", "en", "es", "caf\u00e9"))
PAYLOADS = {
    "stt_latency": some_of(latency_ms=numbers),
    "tts_latency": some_of(latency_ms=numbers),
    "turn_latency": some_of(eou_ms=numbers, application_ms=numbers, response_ms=numbers),
    "final_token_received": some_of(total_tokens=numbers, total_words=numbers),
    "interrupt": some_of(type=st.sampled_from(("SPEECH", "DTMF", "other"))),
    "configurations": st.fixed_dictionaries(
        {"configurations": some_of(channel=names, direction=names, ttsProvider=names, voice=names)}
    ),
    "language_info": some_of(
        tts_provider=names, voice=names, speech_model=names, transcription_language_code=names
    ),
    "error_event": some_of(error_code=st.sampled_from(("llm_timeout", "x" * 201, 70))),
    "call_wrap_up": some_of(
        duration_in_seconds=numbers, end_status=st.sampled_from(("ended", "failure", "drained"))
    ),
    "tool_call": some_of(name=names, duration_ms=numbers, ok=st.booleans()),
    "vendor_switched": some_of(stage=names, serving=names, available=st.booleans()),
    "handoff": some_of(
        kind=st.sampled_from(
            ("took_over", "released", "supervisor.took_over", "transferred", "requested")
        ),
        ok=st.booleans(),
        mode=names,
    ),
}
PAYLOADS["language_changed"] = PAYLOADS["language_info"]


EXCHANGE = (
    *("start_of_customer_speech", "end_of_customer_speech", "prompt_sent"),
    *("first_token_received", "turn_latency", "start_of_agent_speech", "final_token_received"),
    *("interrupt", "end_of_agent_speech"),
)
"""A turn as it should be; which its events may leave out, and what may come between, is drawn."""


@st.composite
def linked_dialogue(draw: st.DrawFn, most: int) -> list[dict[str, Any]]:
    """One session of turns that mostly make sense, with losses, strangers and links to nowhere."""
    script: list[tuple[str, int | None]] = [("configurations", None)]
    leaves_out = draw(
        st.sampled_from(
            (
                ("interrupt",),
                ("interrupt", "turn_latency"),
                ("first_token_received", "final_token_received"),
                (),
            )
        )
    )
    for turn in range(1, 1 + draw(st.integers(0, most))):
        link = draw(st.sampled_from((turn, turn, turn, turn, None)))
        script += [(name, link) for name in EXCHANGE if name not in leaves_out]
        for stranger_name in draw(st.lists(st.sampled_from(NAMES), max_size=3)):
            stranger = stranger_name, draw(st.sampled_from((turn, turn + 1, None)))
            script.insert(draw(st.integers(max(0, len(script) - 9), len(script))), stranger)
    events: list[dict[str, Any]] = []
    at, number, previous = BASE, 64, None
    lossy = draw(st.sampled_from((0, 0, 8)))
    for name, link in script:
        at += draw(st.sampled_from((0, 1, 300, 300, 2_000)))
        number = max(0, number + draw(st.sampled_from((1,) * 20 + (0, 2, 59, 64, -1))))
        named = previous
        if lossy and not draw(st.integers(0, lossy)):
            named = draw(st.sampled_from((number - 1, None, "x")))
        data: dict[str, Any] = {
            "account": "org",
            "call": "call_1",
            "session": "call_1",
            "agent": "desk",
            "sequence_number": number,
            "previous": named,
            "name": name,
            "timestamp": (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds"),
            "basis": draw(st.sampled_from(("reported",) * 9 + ("derived", "arrival"))),
        }
        if link is not None or draw(st.booleans()):
            data["turn"] = link
        if name in PAYLOADS and draw(st.integers(0, 9)):
            data[name] = draw(maybe_odd(PAYLOADS[name]))
        if not lossy or draw(st.integers(0, lossy)):
            previous = number  # else it is lost
            events.append({"type": PINECALL, "data": data})
    return events
