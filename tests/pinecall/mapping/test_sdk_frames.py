"""Frames of the older SDK become call events, with no time and no length that they don't tell."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.pinecall.mapping.logs import ACCOUNT, frames, mapped_frames
from worker.events.pinecall.cloud_event import encode_event
from worker.pinecall.mapping.sdk_frames import FrameMapping

CALL = {"callId": "c1", "transport": "webrtc", "agent": "dev"}
AT = 1_790_942_400.0


def told(some: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str, str]]:
    found = mapped_frames((name, {**CALL, **data}) for name, data in some)
    return [(one.data.name, one.data.timestamp[17:23], one.data.basis) for one in found]


def test_a_frame_without_a_time_has_that_of_what_came_near() -> None:
    assert told(
        [
            ("call.started", {}),
            ("speech.started", {"ts": AT + 1, "seq": 1}),
            ("speech.ended", {"ts": AT + 3, "seq": 2}),
            ("user.message", {"ts": AT + 2, "seq": 3, "messageId": "m"}),
            ("turn.end", {"id": 1, "messageId": "m"}),
        ]
    ) == [
        ("configurations", "01.000", "preceding"),
        ("start_of_customer_speech", "01.000", "reported"),
        ("end_of_customer_speech", "03.000", "reported"),
        ("prompt_sent", "03.000", "preceding"),
    ]


def test_failing_all_times_it_has_that_of_its_arrival() -> None:
    (one,) = mapped_frames([("call.started", CALL)], count(1_790_942_400_000))
    assert (one.data.timestamp, one.data.basis) == ("2026-10-02T12:00:00.000Z", "arrival")


def test_audio_ends_after_as_long_as_it_is_said_to_last() -> None:
    spoken: list[tuple[str, dict[str, Any]]] = [
        ("bot.speaking", {"ts": AT, "messageId": "m"}),
        ("bot.finished", {"ts": AT + 0.5, "messageId": "m", "durationMs": 2500}),
    ]
    assert told(spoken)[1] == ("end_of_agent_speech", "02.500", "derived")
    broken = [spoken[0], ("bot.interrupted", {"messageId": "m", "playedMs": 800}), spoken[1]]
    assert told(broken)[1:] == [
        ("interrupt", "00.800", "derived"),
        ("end_of_agent_speech", "00.800", "derived"),
    ]


def test_a_chat_and_repeats_are_left_out() -> None:
    found = mapped_frames(frames("sdk-stream.sse"))
    assert {one.subject for one in found} == {"call_7c1e5a0f9b2d4c86"}
    assert len(found) == 29
    repeated = mapped_frames(frame for frame in frames("sdk-stream.sse") for _ in range(2))
    assert list(map(encode_event, repeated)) == list(map(encode_event, found))


def test_frames_that_nothing_tells_apart_are_no_repeats() -> None:
    pressed = [("call.dtmf_received", {"digit": digit}) for digit in ("1", "2")]
    found = told([("speech.started", {"ts": AT}), *pressed])
    assert [name for name, _, _ in found] == ["start_of_customer_speech", "dtmf", "dtmf"]


def test_a_call_begins_and_ends_once() -> None:
    both: list[tuple[str, dict[str, Any]]] = [("call.started", {}), ("call.ended", {})]
    found = told([("speech.started", {"ts": AT}), *both, *both])
    assert [name for name, _, _ in found][1:] == ["configurations", "call_wrap_up"]


def test_nothing_that_was_said_and_nobody_is_in_what_leaves() -> None:
    text = b"\n".join(map(encode_event, mapped_frames(frames("sdk-stream.sse"))))
    for secret in (b"5005550111", b"5005550199", b"please", b"Thursday", b"chat", b"um_1", b"msg_"):
        assert secret not in text


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for name, _ in frames("sdk-stream.sse")]),
            st.dictionaries(
                st.sampled_from(["ts", "seq", "messageId", "durationMs", "duration", "reason"]),
                st.none() | st.floats() | st.integers() | st.text() | st.lists(st.none()),
            )
            | st.none(),
        )
    )
)
def test_whatever_stands_in_a_frame_nothing_breaks(some: list[tuple[str, Any]]) -> None:
    mapping = FrameMapping(ACCOUNT)
    for name, data in some:
        mapping.read(name, data if data is None else {**CALL, **data}, None)
