"""The catalogue is the contract's: names, units, scales, holds and dimensions."""

from __future__ import annotations

import pytest

from worker.events.event import EVENT_CODES
from worker.metrics.catalogue import (
    CATALOGUE,
    CONTEXT_DIMENSIONS,
    DEFAULT_DIMENSION_SETS,
    Hold,
)

UNITS = {
    "Milliseconds": "SttLatency TtsLatency ApplicationLatency ResponseLatency CallerWait "
    "TimeToFirstAudio TimeToReplyEnd ReplyDuration TokenStreamDuration BargeInStopTime "
    "LongestSilence DeliveryDelay EndOfTurnDelay",
    "Count": "Tokens Words Interruptions InterruptionsByCustomer InterruptionsByAgent Preemptions "
    "DtmfReceived DigitsSent MediaRequested LanguageChanges Errors Turns AmbiguousTurns "
    "AmbiguousReplies Prompts UnansweredPrompts AbandonedWaits DoubtfulWaits DoubtfulTurns "
    "DoubtfulPrompts InvalidLatencies InvalidTokens SessionsStarted SessionsEnded "
    "TokensPerSession InterruptionsPerSession TurnsPerSession MissingEvents SparseSessions "
    "ToolCalls Handoffs",
    "Count/Second": "TokensPerSecond",
    "Seconds": "SessionDuration",
    "Percent": "AgentTalkShare",
}
# one event alone decides these
DIRECT = (
    "SttLatency TtsLatency Tokens Words Errors Interruptions Preemptions DtmfReceived "
    "DigitsSent MediaRequested LanguageChanges Prompts InvalidLatencies InvalidTokens "
    "SessionsStarted DeliveryDelay EndOfTurnDelay ToolCalls Handoffs"
)
SESSION = (
    "SessionsEnded SessionDuration TokensPerSession InterruptionsPerSession TurnsPerSession "
    "LongestSilence AgentTalkShare MissingEvents SparseSessions"
)


def test_every_metric_has_the_contracts_name_and_unit() -> None:
    wanted = {name: unit for unit, names in UNITS.items() for name in names.split()}
    assert {name: metric.unit for name, metric in CATALOGUE.items()} == wanted


def test_samples_are_integers_by_a_scale() -> None:
    scales = {name: metric.scale for name, metric in CATALOGUE.items() if metric.scale != 1}
    assert scales == {"TokensPerSecond": 1000, "AgentTalkShare": 100}


def test_the_hold_follows_from_what_decides_a_sample() -> None:
    for name, metric in CATALOGUE.items():
        wanted = (
            Hold.DIRECT
            if name in DIRECT.split()
            else Hold.SESSION
            if name in SESSION.split()
            else Hold.TURN
        )
        assert metric.hold is wanted, name


def test_four_metrics_have_a_dimension_of_their_own() -> None:
    found = {name: m.own_dimension for name, m in CATALOGUE.items() if m.own_dimension}
    assert found == {
        "Interruptions": "Type",
        "Errors": "ErrorCode",
        "SessionsEnded": "EndStatus",
        "ToolCalls": "Tool",
    }


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("SttLatency", ("TranscriptionProvider", "SpeechModel")),
        ("TtsLatency", ("TtsProvider", "Voice")),
        ("ApplicationLatency", ("Language",)),
        ("ResponseLatency", ("Language",)),
        ("CallerWait", ("Language",)),
    ],
)
def test_latencies_are_also_published_by_what_may_cause_them(
    metric: str, names: tuple[str, ...]
) -> None:
    assert DEFAULT_DIMENSION_SETS[metric] == (names,)
    assert set(names) <= set(CONTEXT_DIMENSIONS)


def test_nothing_else_has_further_dimensions_by_default() -> None:
    assert len(DEFAULT_DIMENSION_SETS) == 5


def test_nobody_is_named_by_a_dimension() -> None:
    for name in CONTEXT_DIMENSIONS:
        assert not any(part in name.lower() for part in ("sid", "session", "call", "account"))


def test_what_one_event_alone_gives_has_a_known_event_for_itself() -> None:
    given = [metric for metric in CATALOGUE.values() if metric.by_event is not None]
    assert {metric.hold for metric in given} == {Hold.DIRECT}
    assert len({metric.by_event for metric in given}) == len(given) == 7
    assert {metric.by_event for metric in given} <= set(EVENT_CODES)
