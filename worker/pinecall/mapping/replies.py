"""Maps the two ``turn.*`` entries of a log: the customer's turn, and the agent's. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET

from worker.events.pinecall.cloud_event import (
    WireInterrupt,
    WireLatency,
    WireTokens,
    WireTurnLatency,
)
from worker.pinecall.mapping.derived import Derived
from worker.pinecall.mapping.turns import Turn
from worker.pinecall.mapping.values import as_ms, fields, instant_s, seconds


def ms_of(value: object) -> int | None:
    """Return a duration of the wire in ms."""
    found = seconds(value)
    return None if found is None else as_ms(found)


def at_of(value: object) -> int | None:
    """Return an instant of the wire in epoch ms."""
    found = instant_s(value)
    return None if found is None else as_ms(found)


def user_turn(
    data: dict[str, Any], at: int, number: int | None, turn: Turn | None
) -> Iterator[Derived]:
    """The customer's turn: its speech, with its times, and its hand-over to the agent. ``at``: the
    entry's own time, in epoch ms.
    """
    metrics = fields(data.get("metrics"))
    started = at_of(metrics.get("started_speaking_at"))
    stopped = at_of(metrics.get("stopped_speaking_at"))
    stt_ms, eou_s = ms_of(metrics.get("transcription_delay")), metrics.get("end_of_turn_delay")
    eou = seconds(eou_s)
    prompt = at
    if stopped is not None and eou is not None:
        handed = seconds(metrics.get("on_user_turn_completed_delay")) or 0.0
        prompt = as_ms(float(metrics["stopped_speaking_at"]) + eou + handed)
    if turn is not None:
        turn.prompt, turn.stt_ms = prompt, stt_ms
        turn.eou_ms = None if eou is None else as_ms(eou)
    if started is not None:
        yield Derived(1, "start_of_customer_speech", started)
    if stopped is not None:
        yield Derived(2, "end_of_customer_speech", stopped)
    if stt_ms is not None:
        when = prompt if stopped is None else stopped + stt_ms
        yield Derived(4, "stt_latency", when, payload=WireLatency(stt_ms))
    yield Derived(5, "prompt_sent", prompt, "derived", number)


def agent_turn(data: dict[str, Any], at: int, number: int | None, turn: Turn) -> Iterator[Derived]:
    """The agent's reply: its tokens, its latencies, its audio. ``at``: the entry's own time, in
    epoch ms.
    """
    metrics = fields(data.get("metrics"))
    started = at_of(metrics.get("started_speaking_at"))
    stopped = at_of(metrics.get("stopped_speaking_at"))
    heard = at if started is None else started
    yield from _tokens(data, number, turn, started)
    tts_ms = _tts_ms(metrics, turn)
    if tts_ms is not None:
        yield Derived(2, "tts_latency", heard, "reported", number, WireLatency(tts_ms))
    response_ms = ms_of(metrics.get("e2e_latency"))
    if response_ms is not None or turn.eou_ms is not None:
        figures = WireTurnLatency(
            stt_ms=UNSET if turn.stt_ms is None else turn.stt_ms,
            eou_ms=UNSET if turn.eou_ms is None else turn.eou_ms,
            tts_ms=UNSET if tts_ms is None else tts_ms,
            response_ms=UNSET if response_ms is None else response_ms,
        )
        yield Derived(3, "turn_latency", heard, "reported", number, figures)
    if started is not None:
        yield Derived(4, "start_of_agent_speech", started, "reported", number)
    if data.get("interrupted") is True:
        broken = at if stopped is None else stopped
        yield Derived(6, "interrupt", broken, "derived", number, WireInterrupt("SPEECH"))
    if stopped is not None:
        yield Derived(7, "end_of_agent_speech", stopped, "reported", number)


def _tokens(
    data: dict[str, Any], number: int | None, turn: Turn, started: int | None
) -> Iterator[Derived]:
    spoken = turn.spoken()
    first = next((one.first_token for one in spoken if one.first_token is not None), None)
    received: int | None = None
    if first is not None:
        received = as_ms(first)
        if started is not None:
            received = min(received, started)
        if turn.prompt is not None:
            received = max(received, turn.prompt)
        yield Derived(0, "first_token_received", received, "derived", number)
    if spoken:
        ended = as_ms(spoken[-1].ended)
        at = ended if received is None else max(ended, received)
        counted = [one.tokens for one in spoken if one.tokens is not None]
        text = data.get("text")
        part = WireTokens(sum(counted), len(text.split()) if isinstance(text, str) else UNSET)
        yield Derived(5, "final_token_received", at, "derived", number, part)


def _tts_ms(metrics: dict[str, Any], turn: Turn) -> int | None:
    """Return the latency of the reply's first synthesis, by ``metrics.tts`` or else by the turn."""
    if turn.tts_s is not None:
        return as_ms(turn.tts_s)
    whole = seconds(metrics.get("tts_node_ttfb"))
    return None if whole is None or whole < 0 else as_ms(whole)
