"""The per-session samples: what a whole session gives to the metrics, once, when it closes."""

from __future__ import annotations

from worker.sessions.analysis import Reading
from worker.sessions.record import agent_share
from worker.sessions.samples import Kind, Samples


def summary_of(reading: Reading) -> Samples:
    """The per-session samples of a reading."""
    samples = Samples(reading.context)
    part = samples.at(reading.last)
    for kind, value in _session_values(reading):
        part[kind].append(value)
    return samples


def _session_values(reading: Reading) -> list[tuple[Kind, int]]:
    wrap_up, share, numbers = reading.direct.wrap_up, agent_share(reading), reading.numbers
    values: list[tuple[Kind, int]] = [
        (("SessionsEnded", "none" if wrap_up is None else wrap_up.ending), 1),
        ("TokensPerSession", reading.direct.tokens),
        ("InterruptionsPerSession", sum(reading.direct.interruptions.values())),
        ("TurnsPerSession", reading.spoken.samples.count("Turns")),
        ("LongestSilence", reading.longest_silence),
        ("SparseSessions", 1) if numbers.sparse else ("MissingEvents", numbers.missing),
    ]
    if reading.duration_s is not None:
        values.append(("SessionDuration", reading.duration_s))
    if share is not None:
        values.append(("AgentTalkShare", share))
    return values
