"""The catalogue of published metrics: name, unit, scale, hold and own dimension.

A sample is an integer: its value times ``scale``, rounded half up, so that sums depend neither on
order nor on floating point. ``hold`` determines how long a minute of the metric waits before it is
published:

* ``DIRECT``: a single event decides the sample;
* ``TURN``: neighbouring events decide it, and a late one may change it;
* ``SESSION``: the whole session decides it, once, when the session first closes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

MILLISECONDS: Final = "Milliseconds"
"""The unit of all latencies."""


class Hold(Enum):
    """The basis of a sample, which determines how long its minute is held."""

    DIRECT = "direct"
    TURN = "turn"
    SESSION = "session"


class Metric(NamedTuple):
    """One metric. ``unit`` is a CloudWatch unit; published value = sample / ``scale``.

    ``own_dimension`` is a dimension that only this metric has; the metric is published both with
    and without it. ``about`` describes one sample. ``by_event`` names the event that alone gives
    the sample: its latency if the unit is milliseconds, else 1 for each event.
    """

    name: str
    unit: str
    hold: Hold
    about: str
    scale: int = 1
    own_dimension: str | None = None
    by_event: str | None = None


_DIRECT, _TURN, _SESSION = Hold.DIRECT, Hold.TURN, Hold.SESSION
_MS, _COUNT = MILLISECONDS, "Count"

_METRICS: Final = (
    Metric(
        "SttLatency",
        _MS,
        _DIRECT,
        "end of the customer's utterance to its transcript",
        by_event="stt_latency",
    ),
    Metric(
        "TtsLatency",
        _MS,
        _DIRECT,
        "sentence received to the start of its synthesis",
        by_event="tts_latency",
    ),
    Metric("EndOfTurnDelay", _MS, _DIRECT, "end of the customer's speech to the turn's hand-over"),
    Metric("ApplicationLatency", _MS, _TURN, "prompt sent to the first token of its reply"),
    Metric("ResponseLatency", _MS, _TURN, "customer's end to agent's audio, turns beyond doubt"),
    Metric("CallerWait", _MS, _TURN, "silence a caller sat through, ambiguous turns too"),
    Metric("TimeToFirstAudio", _MS, _TURN, "configuration to the greeting's audio"),
    Metric("TimeToReplyEnd", _MS, _TURN, "customer's end to the end of the agent's utterance"),
    Metric("ReplyDuration", _MS, _TURN, "one agent utterance, start to end"),
    Metric("TokenStreamDuration", _MS, _TURN, "first to final token of one reply"),
    Metric("BargeInStopTime", _MS, _TURN, "interruption to the agent falling silent"),
    Metric("Tokens", _COUNT, _DIRECT, "tokens of one reply, as they came over the WebSocket"),
    Metric("Words", _COUNT, _DIRECT, "words of one reply"),
    Metric("TokensPerSecond", "Count/Second", _TURN, "rate of one reply's tokens", scale=1000),
    Metric("Interruptions", _COUNT, _DIRECT, "an interruption", own_dimension="Type"),
    Metric("InterruptionsByCustomer", _COUNT, _TURN, "customer began while the agent spoke"),
    Metric("InterruptionsByAgent", _COUNT, _TURN, "agent began while the customer spoke"),
    Metric(
        "Preemptions", _COUNT, _DIRECT, "a reply overtaken by newer tokens", by_event="preempted"
    ),
    Metric("DtmfReceived", _COUNT, _DIRECT, "a key pressed by the customer", by_event="dtmf"),
    Metric("DigitsSent", _COUNT, _DIRECT, "digits sent by the application", by_event="digit"),
    Metric(
        "MediaRequested",
        _COUNT,
        _DIRECT,
        "an audio file requested by the application",
        by_event="play_media",
    ),
    Metric("LanguageChanges", _COUNT, _DIRECT, "a change of language"),
    Metric("Errors", _COUNT, _DIRECT, "an error of the session", own_dimension="ErrorCode"),
    Metric("ToolCalls", _COUNT, _DIRECT, "a tool called by the agent", own_dimension="Tool"),
    Metric("Handoffs", _COUNT, _DIRECT, "a session handed over to a human"),
    Metric("Turns", _COUNT, _TURN, "an agent utterance that answers the customer"),
    Metric("AmbiguousTurns", _COUNT, _TURN, "a turn whose reply can't be told for sure"),
    Metric("AmbiguousReplies", _COUNT, _TURN, "a reply whose prompt can't be told for sure"),
    Metric(
        "Prompts", _COUNT, _DIRECT, "a transcript sent to the application", by_event="prompt_sent"
    ),
    Metric("UnansweredPrompts", _COUNT, _TURN, "a prompt that no reply answered"),
    Metric("AbandonedWaits", _COUNT, _TURN, "a caller who waited until the session's end"),
    Metric("DoubtfulWaits", _COUNT, _TURN, "a wait in which an event may be missing"),
    Metric("DoubtfulTurns", _COUNT, _TURN, "a turn in which an event may be missing"),
    Metric("DoubtfulPrompts", _COUNT, _TURN, "a prompt whose reply may be missing"),
    Metric("InvalidLatencies", _COUNT, _DIRECT, "a latency that is no integer in 0..600,000 ms"),
    Metric("InvalidTokens", _COUNT, _DIRECT, "tokens or words of a reply that are no count"),
    Metric("SessionsStarted", _COUNT, _DIRECT, "a session's first event"),
    Metric("SessionsEnded", _COUNT, _SESSION, "a closed session", own_dimension="EndStatus"),
    Metric("SessionDuration", "Seconds", _SESSION, "duration as the wrap-up gives it"),
    Metric("TokensPerSession", _COUNT, _SESSION, "tokens of all replies of a session"),
    Metric("InterruptionsPerSession", _COUNT, _SESSION, "interruptions of a session, all types"),
    Metric("TurnsPerSession", _COUNT, _SESSION, "turns of a session"),
    Metric("LongestSilence", _MS, _SESSION, "longest stretch in which neither side speaks"),
    Metric("AgentTalkShare", "Percent", _SESSION, "agent's share of the talking", scale=100),
    Metric("MissingEvents", _COUNT, _SESSION, "sequence numbers absent from a session"),
    Metric("SparseSessions", _COUNT, _SESSION, "a session that lacks more than a quarter"),
    Metric("DeliveryDelay", _MS, _DIRECT, "an event's time to its first arrival"),
)

CATALOGUE: Final[dict[str, Metric]] = {metric.name: metric for metric in _METRICS}

OWN_DIMENSION_VALUES: Final = {"Type": 3, "EndStatus": 6}
"""The number of values of a metric's own dimension; one that isn't listed may have any number."""

CONTEXT_DIMENSIONS: Final = (
    "TranscriptionProvider",
    "SpeechModel",
    "TtsProvider",
    "Voice",
    "Language",
)
"""Dimensions that any metric may be published by: the configuration in force at the sample."""

DEFAULT_DIMENSION_SETS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "SttLatency": (("TranscriptionProvider", "SpeechModel"),),
    "TtsLatency": (("TtsProvider", "Voice"),),
    "ApplicationLatency": (("Language",),),
    "ResponseLatency": (("Language",),),
    "CallerWait": (("Language",),),
}
"""The dimension sets of each metric in addition to the one without dimensions."""
