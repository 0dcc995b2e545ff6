"""The per-session samples: what a whole session gives to the metrics, once, when it closes."""

from __future__ import annotations

from typing import Final

from worker.sessions.analysis import Reading
from worker.sessions.record import agent_share
from worker.sessions.samples import Kind, Samples

_END_STATUSES: Final = ("unknown", "failure", "ended", "hung_up")


def summary_of(reading: Reading) -> Samples:
    """The per-session samples of a reading."""
    samples = Samples(reading.context)
    part = samples.at(reading.last)
    for kind, value in _session_values(reading):
        part[kind].append(value)
    return samples


def _session_values(reading: Reading) -> list[tuple[Kind, int]]:
    wrap_up, share = reading.direct.wrap_up, agent_share(reading)
    values: list[tuple[Kind, int]] = [
        (("SessionsEnded", _end_status(wrap_up)), 1),
        ("TokensPerSession", reading.direct.tokens),
        ("InterruptionsPerSession", sum(reading.direct.interruptions.values())),
        ("TurnsPerSession", reading.spoken.samples.count("Turns")),
        ("LongestSilence", reading.longest_silence),
        ("MissingEvents", reading.numbers.missing),
    ]
    if reading.duration_s is not None:
        values.append(("SessionDuration", reading.duration_s))
    if share is not None:
        values.append(("AgentTalkShare", share))
    return values


def _end_status(wrap_up: dict[str, object] | None) -> str:
    if wrap_up is None:
        return "none"
    status = wrap_up.get("end_status")
    if status is None:
        return "unknown"
    return str(status) if status in _END_STATUSES else "other"
