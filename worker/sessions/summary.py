"""The per-session samples: those that a whole session contributes to the metrics, once, at its
close.
"""

from __future__ import annotations

from worker.sessions.analysis import SessionAnalysis
from worker.sessions.linked_turns import LinkedTurnWalk
from worker.sessions.record import agent_share
from worker.sessions.samples import SampleKey, Samples


def summary_of(analysis: SessionAnalysis) -> Samples:
    """Return the per-session samples of an analysis."""
    samples = Samples(analysis.context)
    part = samples.at(analysis.last)
    for kind, value in _session_values(analysis):
        part[kind].append(value)
    return samples


def _session_values(analysis: SessionAnalysis) -> list[tuple[SampleKey, int]]:
    direct, share, numbers = analysis.direct, agent_share(analysis.turns), analysis.numbers
    wrap_up = direct.wrap_up
    values: list[tuple[SampleKey, int]] = [
        (("SessionsEnded", "none" if wrap_up is None else wrap_up.ending), 1),
        ("InterruptionsPerSession", sum(direct.interruptions.values())),
        ("TurnsPerSession", analysis.conversation.samples.count("Turns")),
        ("LongestSilence", analysis.longest_silence),
        ("SparseSessions", 1) if numbers.sparse else ("MissingEvents", numbers.missing),
    ]
    if analysis.duration_s is not None:
        values.append(("SessionDuration", analysis.duration_s))
    if _tokens_told(analysis):
        values.append(("TokensPerSession", analysis.direct.tokens))
    if share is not None:
        values.append(("AgentTalkShare", share))
    return values


def _tokens_told(analysis: SessionAnalysis) -> bool:
    """Whether no token event means that there were none: not on a platform that need not have such
    events, in a session with prompts.
    """
    turns = analysis.turns
    no_events = isinstance(turns, LinkedTurnWalk) and not turns.links.tokens
    return not (no_events and analysis.direct.samples.count("Prompts"))
