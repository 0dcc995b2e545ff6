"""The frequencies of what happens in simulated conversations."""

from __future__ import annotations

from dataclasses import dataclass, field


def _rate(default: float, text: str) -> float:
    rate: float = field(default=default, metadata={"help": text})
    return rate


@dataclass(frozen=True, slots=True)
class Habits:
    """Frequencies in conversations: probabilities from 0 to 1, except ``turns``."""

    turns: float = _rate(8.0, "turns of a session, on average")
    barge_ins: float = _rate(0.10, "replies that the caller talks over, so that they stop")
    key_presses: float = _rate(0.015, "replies that the caller stops with a key")
    coughs: float = _rate(0.05, "turns with a sound from the caller that isn't a prompt")
    back_to_back: float = _rate(0.03, "turns in which a second prompt follows before the reply")
    tool_delays: float = _rate(0.08, "replies that wait for a tool for seconds")
    fillers: float = _rate(0.5, "tool delays bridged by a filler reply")
    preemptions: float = _rate(0.02, "replies cut off by a newer reply")
    media: float = _rate(0.02, "replies that play a file")
    digits: float = _rate(0.01, "replies that send digits")
    silences: float = _rate(0.02, "sessions that end waiting for a reply that never comes")
    language_changes: float = _rate(0.04, "sessions that change their language, if they can")
    errors: float = _rate(0.03, "sessions with an error; every third ends with it")
    early_hellos: float = _rate(0.03, "sessions in which the caller speaks before the greeting")
    no_greeting: float = _rate(0.04, "sessions without a greeting")
    no_wrap_up: float = _rate(0.02, "sessions whose wrap-up never arrives")
    novelties: float = _rate(0.0005, "turns with an event whose name is unknown today")
    holds: float = _rate(0.03, "turns after which the caller is put on hold (Pinecall)")
    handoffs: float = _rate(0.02, "turns after which a human takes over (Pinecall)")
    bad_latencies: float = _rate(0.0005, "latency events with a negative or no value")
