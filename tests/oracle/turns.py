"""The turn rules, word by word: one method an event name, one statement a clause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from tests.oracle.decoding import Event, is_integer
from tests.oracle.samples import Sample, Speech, Wait
from tests.oracle.values import count_or_none, error_code

LONGEST_LATENCY_MS = 600_000


def valid_latency(value: Any) -> bool:
    return is_integer(value) and 0 <= value <= LONGEST_LATENCY_MS


class Walk:
    """A walk through the events of one session in order.

    ``numbers``: the sequence numbers of all its events; None for a stream in which a missing
    number means nothing.
    """

    def __init__(self, numbers: set[int] | None) -> None:
        self.numbers = numbers
        self.customer_since: Event | None = None
        self.agent_since: Event | None = None
        self.C: Event | None = None
        self.W: Wait | None = None
        self.owed: list[Event] = []
        self.unheard: list[tuple[int, bool]] = []
        self.doubt = False
        self.muddled = False
        self.F: Event | None = None
        self.in_progress = 0
        self.void = False

        self.agent_ended_since_last_prompt = False
        self.reply_has_begun = False
        self.first_configurations: Event | None = None
        self.remembered_C: Event | None = None
        self.interrupted_at: Event | None = None
        self.speech_events: list[Event] = []
        self.alone: list[Event] = []
        """Events of speech that show that a start or an end is missing."""
        self.utterance_began: int | None = None  # the customer's current or last
        self.it_began_while_agent_spoke = False
        self.customer_speech: list[Speech] = []
        self.time_to_first_audio: int | None = None

        self.count: Counter[str] = Counter()
        self.interruptions: Counter[str] = Counter({"SPEECH": 0, "DTMF": 0, "UNKNOWN": 0})
        self.unknown_events: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self.wrap_up: Event | None = None
        self.samples: list[Sample] = []
        self.event: Event

    def sample(
        self, metric: str, value: int | Fraction, own: tuple[str, str] | None = None
    ) -> None:
        self.samples.append(Sample(metric, Fraction(value), self.event, own))

    def tally(self, field: str, metric: str | None = None, times: int = 1) -> None:
        """Count something; where it has a metric, each time is a sample of 1."""
        self.count[field] += times
        if metric is not None:
            for _ in range(times):
                self.sample(metric, 1)

    def field(self, key: str) -> Any:
        payload = self.event.payload
        return payload.get(key) if isinstance(payload, dict) else None

    def missing_since(self, earlier: Event) -> int:
        """How many numbers are absent strictly between an event's and the present one's."""
        if self.numbers is None:
            return 0
        ends = earlier.sequence_number, self.event.sequence_number
        low, high = min(ends), max(ends)
        present = sum(low < number < high for number in self.numbers)
        return max(0, high - low - 1) - present

    def hole_since(self, earlier: Event) -> bool:
        return self.missing_since(earlier) > 0

    def never_answered(self, prompts: list[Event]) -> None:
        for prompt in prompts:
            if self.hole_since(prompt):
                self.tally("doubtful_prompts", "DoubtfulPrompts")
            else:
                self.tally("unanswered_prompts", "UnansweredPrompts")

    def settle(self) -> None:
        self.never_answered(self.owed)
        self.owed = []
        self.unheard = []
        self.doubt = False
        self.muddled = False

    def take(self, event: Event) -> None:
        self.event = event
        rule = RULES.get(event.name)
        if rule is None:
            self.unknown_events[event.name] += 1
        else:
            rule(self, event.timestamp)

    def start_of_customer_speech(self, t: int) -> None:
        self.speech_events.append(self.event)
        if self.customer_since is not None:
            self.tally("lost_ends")
            self.alone.append(self.event)
        agent_speaks = self.agent_since is not None
        if self.agent_since is not None:
            if not self.hole_since(self.agent_since):
                self.tally("interruptions_by_customer", "InterruptionsByCustomer")
        elif self.agent_ended_since_last_prompt:
            self.settle()
        if self.owed:
            self.muddled = True
        self.C = None
        self.customer_since = self.event
        self.utterance_began = t
        self.it_began_while_agent_spoke = agent_speaks

    def end_of_customer_speech(self, t: int) -> None:
        self.speech_events.append(self.event)
        if self.customer_since is not None:
            self.count["customer_ms"] += t - self.customer_since.timestamp
            self.customer_speech.append(Speech(self.customer_since.timestamp, t))
        else:
            self.utterance_began = None  # an utterance, but of unknown start
            self.alone.append(self.event)
        self.customer_since = None
        self.C = self.event if self.agent_since is None else None

    def prompt_sent(self, t: int) -> None:
        self.tally("prompts", "Prompts")
        self.owed.append(self.event)
        if len(self.owed) > 1:
            self.doubt = True
        if self.W is None and self.agent_since is None:
            if self.C is not None:
                self.W = Wait(self.C.timestamp, self.C)
            else:
                last = self.speech_events[-1] if self.speech_events else self.event
                self.W = Wait(t, last)
        self.agent_ended_since_last_prompt = False

    def first_token_received(self, t: int) -> None:
        sure = False
        if not self.owed:
            self.tally("unattributed_replies")
        elif self.doubt:
            self.tally("ambiguous_replies", "AmbiguousReplies")
            self.owed.pop(0)
        elif self.hole_since(self.owed[0]):
            self.tally("doubtful_prompts", "DoubtfulPrompts")
            self.owed.pop(0)
        else:
            self.sample("ApplicationLatency", t - self.owed[0].timestamp)
            self.owed.pop(0)
            sure = True
        self.unheard.append((t, sure))
        if self.F is not None and self.hole_since(self.F):
            self.in_progress = 1
            self.void = True
            self.F = self.event
        elif self.in_progress > 0:
            self.in_progress += 1
            self.void = True
        else:
            self.in_progress = 1
            self.F = self.event
        self.reply_has_begun = True

    def final_token_received(self, t: int) -> None:
        self.tally("replies")
        tokens, words = self.field("total_tokens"), self.field("total_words")
        for reported in (tokens, words):
            if reported is not None and count_or_none(reported) is None:
                self.tally("invalid_tokens", "InvalidTokens")
        tokens, words = count_or_none(tokens), count_or_none(words)
        if tokens is not None:
            self.count["tokens"] += tokens
            self.sample("Tokens", tokens)
        if words is not None:
            self.count["words"] += words
            self.sample("Words", words)
        if self.in_progress == 1 and not self.void:
            assert self.F is not None
            if not self.hole_since(self.F):
                duration = t - self.F.timestamp
                self.sample("TokenStreamDuration", duration)
                if duration > 0 and tokens is not None:
                    self.sample("TokensPerSecond", Fraction(tokens) / Fraction(duration, 1000))
        self.in_progress = max(0, self.in_progress - 1)
        if self.in_progress == 0:
            self.F = None
            self.void = False

    def latency(self, metric: str) -> None:
        latency = self.field("latency_ms")
        if valid_latency(latency):
            self.sample(metric, latency)
        else:
            self.tally("invalid_latencies", "InvalidLatencies")

    def stt_latency(self, _: int) -> None:
        self.latency("SttLatency")

    def tts_latency(self, _: int) -> None:
        self.latency("TtsLatency")

    def start_of_agent_speech(self, t: int) -> None:
        self.tally("agent_utterances")
        if self.agent_since is not None:
            self.tally("lost_ends")
            self.remembered_C = None
            self.interrupted_at = None
        if self.customer_since is not None and not self.hole_since(self.customer_since):
            self.tally("interruptions_by_agent", "InterruptionsByAgent")
        if self.W is not None:
            self.wait_ends(t, self.W)
            self.W = None
        self.turn_ends_at_all(t)
        self.C = None
        if self.count["agent_utterances"] == 1:
            self.greets(t)
        self.unheard = []
        self.muddled = False
        self.agent_since = self.event
        self.speech_events.append(self.event)

    def turn_ends_at_all(self, t: int) -> None:
        if self.C is not None:
            self.turn_ends(t, self.C)

    def greets(self, t: int) -> None:
        if (
            not self.reply_has_begun
            and self.first_configurations is not None
            and not self.hole_since(self.first_configurations)
        ):
            self.time_to_first_audio = t - self.first_configurations.timestamp
            self.sample("TimeToFirstAudio", self.time_to_first_audio)

    def wait_ends(self, t: int, wait: Wait) -> None:
        """One missing number can't hide both ends of an utterance: the one that came is alone.

        What came before the span, or began it, is none of its business: that an utterance without
        a partner counts from the span's begin, and not from when W was set, is a reading that the
        program has, too, since the agent may be heard to end between C and the prompt.
        """
        missing = self.missing_since(wait.span)
        alone = [event for event in self.alone if event.order > wait.span.order]
        if missing == 0 or (missing == 1 and not alone and self.customer_since is None):
            waited = t - wait.since - self.customer_spoke_between(wait.since, t)
            self.sample("CallerWait", waited)
        else:
            self.tally("doubtful_waits", "DoubtfulWaits")

    def turn_ends(self, t: int, c: Event) -> None:
        begun_since = any(begun >= c.timestamp for begun, _ in self.unheard)
        beyond_doubt = (
            len(self.unheard) == 1
            and self.unheard[0][1]
            and begun_since
            and not self.doubt
            and not self.muddled
        )
        if not (beyond_doubt or begun_since or self.owed or self.doubt or self.muddled):
            return
        self.tally("turns", "Turns")
        if self.hole_since(c):
            self.tally("doubtful_turns", "DoubtfulTurns")
        elif beyond_doubt:
            self.sample("ResponseLatency", t - c.timestamp)
            self.remembered_C = c
        else:
            self.tally("ambiguous_turns", "AmbiguousTurns")

    def customer_spoke_between(self, since: int, t: int) -> int:
        """Ms of the customer's own speech, of known start, the present one included."""
        speech = list(self.customer_speech)
        if self.customer_since is not None:
            speech.append(Speech(self.customer_since.timestamp, t))
        return sum(max(0, min(end, t) - max(start, since)) for start, end in speech)

    def end_of_agent_speech(self, t: int) -> None:
        self.speech_events.append(self.event)
        if self.agent_since is not None:
            self.count["agent_ms"] += t - self.agent_since.timestamp
            if self.missing_since(self.agent_since) <= 1:
                self.sample("ReplyDuration", t - self.agent_since.timestamp)
            if self.remembered_C is not None and not self.hole_since(self.remembered_C):
                self.sample("TimeToReplyEnd", t - self.remembered_C.timestamp)
            if self.interrupted_at is not None and not self.hole_since(self.interrupted_at):
                self.sample("BargeInStopTime", t - self.interrupted_at.timestamp)
        else:
            self.alone.append(self.event)
        self.agent_since = None
        self.remembered_C = None
        self.interrupted_at = None
        self.agent_ended_since_last_prompt = True

    def interrupt(self, t: int) -> None:
        kind = self.field("type")
        if kind not in ("SPEECH", "DTMF"):
            kind = "UNKNOWN"
        self.interruptions[kind] += 1
        self.sample("Interruptions", 1, ("Type", kind))
        if self.agent_since is not None and self.interrupted_at is None:
            self.interrupted_at = self.event
        if self.utterance_began is not None and self.it_began_while_agent_spoke:
            b = self.utterance_began
        else:
            b = t
        self.never_answered([prompt for prompt in self.owed if prompt.timestamp < b])
        self.owed = [prompt for prompt in self.owed if not prompt.timestamp < b]
        self.unheard = []
        self.muddled = False
        self.doubt = len(self.owed) > 1

    def preempted(self, _: int) -> None:
        self.tally("preemptions", "Preemptions")

    def dtmf(self, _: int) -> None:
        self.tally("dtmf", "DtmfReceived")

    def digit(self, _: int) -> None:
        self.tally("digits", "DigitsSent")

    def play_media(self, _: int) -> None:
        self.tally("media", "MediaRequested")

    def configurations(self, _: int) -> None:
        if self.first_configurations is None:
            self.first_configurations = self.event

    def language_changed(self, _: int) -> None:
        self.tally("language_changes", "LanguageChanges")

    def language_info(self, _: int) -> None:
        """Context only."""

    def error_event(self, _: int) -> None:
        code, message = self.field("error_code"), self.field("message")
        code = error_code(code) if self.event.link is None else code
        message = message[:200] if isinstance(message, str) else ""
        self.errors.append({"code": code, "message": message, "event": self.event})
        self.sample("Errors", 1, ("ErrorCode", "unknown" if code is None else str(code)))

    def call_wrap_up(self, _: int) -> None:
        self.wrap_up = self.event

    def close(self) -> None:
        """Both are stamped with the last event, which is still the present one.

        That a single missing number puts an abandoned wait in doubt is a reading, the program's,
        too: the agent may have begun to speak, and still speak at the end.
        """
        if self.W is not None:
            if self.hole_since(self.W.span):
                self.tally("doubtful_waits", "DoubtfulWaits")
            else:
                self.tally("abandoned_waits", "AbandonedWaits")
        self.settle()


RULES: dict[str, Callable[[Walk, int], None]] = {
    name: getattr(Walk, name)
    for name in (
        "start_of_customer_speech",
        "end_of_customer_speech",
        "prompt_sent",
        "first_token_received",
        "final_token_received",
        "stt_latency",
        "tts_latency",
        "start_of_agent_speech",
        "end_of_agent_speech",
        "interrupt",
        "preempted",
        "dtmf",
        "digit",
        "play_media",
        "configurations",
        "language_changed",
        "language_info",
        "error_event",
        "call_wrap_up",
    )
}
