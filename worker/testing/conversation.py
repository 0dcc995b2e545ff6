"""One simulated conversation, as ConversationRelay's events.

The order is that of real calls: the caller speaks; recogniser latency, end of speech and prompt
in one millisecond; the reply's first token; synthesiser latency and start of speech in one
millisecond; the last token meanwhile; end of speech.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final, NamedTuple

from worker.testing.habits import Habits
from worker.testing.personas import Persona


class SimulatedEvent(NamedTuple):
    """An event without its envelope: epoch ms, name, and its payload under its key."""

    at: int
    name: str
    key: str | None = None
    payload: dict[str, object] | None = None


_ERRORS: Final = (
    (64101, "A setting of the session was not valid."),
    (64102, "The application could not be reached."),
    (64105, "The connection to the application ended."),
    (64107, "A message of the application could not be read."),
)


def converse(rng: Random, habits: Habits, persona: Persona, start: int) -> list[SimulatedEvent]:
    """The events of one session that starts at ``start``, in order, the wrap-up last."""
    scene = _Scene(rng, habits, persona, start)
    scene.open()
    error_turn = scene.turn_of(habits.errors)
    change_turn = scene.turn_of(habits.language_changes) if len(persona.languages) > 1 else -1
    status = "hung_up" if rng.random() < 0.4 else "ended"
    for turn in range(scene.turns):
        if turn == change_turn:
            scene.change_language()
        if turn == error_turn:
            scene.fail()
            if scene.happens(0.35):
                status = "failure"
                break
        scene.turn()
    else:
        if scene.happens(habits.silences):
            scene.wait_in_vain()
            status = "hung_up"
    scene.wrap_up("unknown" if scene.happens(0.01) else status)
    return sorted(scene.events, key=_time_of)


def _time_of(event: SimulatedEvent) -> int:
    return event.at


class _Scene:
    """A conversation in the making. ``now``: when the agent fell silent."""

    def __init__(self, rng: Random, habits: Habits, persona: Persona, start: int) -> None:
        self.events: list[SimulatedEvent] = []
        self.now = start
        self._start = start
        self._rng = rng
        self._habits = habits
        self._persona = persona
        self._language = persona.languages[0]
        self._barged: int | None = (
            None  # when the caller began to speak, if that is emitted already
        )
        self._heard_since = start  # the beginning of the reply that is audible now
        self.turns = max(1, min(200, round(rng.expovariate(1 / max(habits.turns, 0.01)))))

    def happens(self, rate: float) -> bool:
        return self._rng.random() < rate

    def turn_of(self, rate: float) -> int:
        """A random turn with probability ``rate``, else -1."""
        return self._rng.randrange(self.turns) if self.happens(rate) else -1

    def _about(self, median_ms: float, sigma: float) -> int:
        """A lognormal duration in whole milliseconds, at most an hour."""
        return min(3_600_000, int(self._rng.lognormvariate(math.log(median_ms), sigma)))

    def _add(
        self, at: int, name: str, key: str | None = None, payload: dict[str, object] | None = None
    ) -> None:
        self.events.append(SimulatedEvent(at, name, key, payload))

    # the course of a session

    def open(self) -> None:
        """Add the configuration, and mostly a greeting, which has no prompt and no tokens."""
        self._add(self.now, "configurations", "configurations", self._persona.configurations())
        if self.happens(self._habits.no_greeting):
            return
        audio = self.now + self._about(420, 0.35)
        hello = self.now + 60
        self._speak(audio, self._about(3200, 0.3))
        if self.happens(self._habits.early_hellos):
            prompt = self._utterance(hello, self._about(300, 0.2))
            self._reply(prompt + self._thinking())

    def turn(self) -> None:
        """Add a turn: the caller speaks and gets a reply."""
        rng, habits = self._rng, self._habits
        prompt = self._utterance(self._begin_of_speech(), self._about(2300, 0.6))
        if self.happens(habits.novelties):
            self._add(prompt + 1, "sentiment_detected")
        if self.happens(habits.back_to_back):
            if self.happens(0.5):  # the application answers both prompts
                self._reply(prompt + self._thinking())
            prompt = self._utterance(prompt + rng.randrange(150, 500), self._about(900, 0.4))
        elif self.happens(habits.coughs):
            self._cough(prompt + rng.randrange(40, 400))
        first = prompt + self._thinking()
        if self.happens(habits.tool_delays):
            if self.happens(habits.fillers):
                self._reply(first, words=rng.randrange(3, 8))
            first += self._about(3500, 0.5)
        self._reply(first)
        self._overlap()

    def wait_in_vain(self) -> None:
        """Add a prompt that is never answered; the caller waits and hangs up."""
        prompt = self._utterance(self._begin_of_speech(), self._about(2000, 0.5))
        self.now = prompt + self._about(14_000, 0.4)

    def change_language(self) -> None:
        """Switch to the agent's other language, with two events in one millisecond."""
        others = [known for known in self._persona.languages if known is not self._language]
        self._language = language = self._rng.choice(others)
        codes: dict[str, object] = {
            "tts_language_code": language.code,
            "transcription_language_code": language.code,
        }
        engines: dict[str, object] = {
            "tts_provider": language.tts_provider,
            "voice": language.voice,
            "transcription_provider": language.transcription_provider,
            "speech_model": language.speech_model,
        }
        self.now += self._rng.randrange(20, 200)
        extra = engines if self.happens(0.3) else {}
        self._add(self.now, "language_changed", "language_changed", codes | extra)
        if self.happens(0.7):
            self._add(self.now, "language_info", "language_info", codes | engines)

    def fail(self) -> None:
        """Add an error, under either of its two names."""
        code, message = self._rng.choice(_ERRORS)
        name = "error_event" if self.happens(0.7) else "error"
        self.now += self._rng.randrange(10, 400)
        self._add(self.now, name, "error", {"error_code": code, "message": message})

    def wrap_up(self, status: str) -> None:
        """End the session, mostly with a wrap-up."""
        end = max(self.now, max(map(_time_of, self.events))) + self._rng.randrange(200, 3000)
        self.now = end
        if not self.happens(self._habits.no_wrap_up):
            seconds = round((end - self._start) / 1000)
            payload: dict[str, object] = {"duration_in_seconds": seconds, "end_status": status}
            self._add(end, "call_wrap_up", "call_wrap_up", payload)

    # what turns are made of

    def _begin_of_speech(self) -> int:
        """When the caller begins to speak; a barge-in's beginning is emitted already."""
        if self._barged is not None:
            return self._barged
        return self.now + self._about(650, 0.6)

    def _utterance(self, begin: int, length: int) -> int:
        """Add the caller's speech; return when its prompt was sent."""
        if self._barged is None:
            self._add(begin, "start_of_customer_speech")
        self._barged = None
        end = begin + max(150, length)
        self._latency(end, "stt_latency", self._about(self._language.stt_median_ms, 0.35))
        self._add(end, "end_of_customer_speech")
        self._add(end, "prompt_sent")
        return end

    def _cough(self, begin: int) -> None:
        self._add(begin, "start_of_customer_speech")
        self._add(begin + self._rng.randrange(120, 350), "end_of_customer_speech")

    def _thinking(self) -> int:
        return self._about(self._persona.reply_median_ms, 0.4)

    def _latency(self, at: int, name: str, latency_ms: int) -> None:
        payload: dict[str, object] = {"latency_ms": latency_ms}
        if self.happens(self._habits.bad_latencies):
            payload = {"latency_ms": -1} if self.happens(0.5) else {}
        self._add(at, name, name, payload)

    def _reply(self, first: int, words: int = 0, *, last: bool = False) -> None:
        """Add tokens from ``first`` on, and their audio; the ``last`` reply is never cut off."""
        rng = self._rng
        words = words or 4 + self._about(18, 0.6)
        tokens = words + words // 3
        if self.happens(self._habits.digits):
            self._add(first, "digit")
        self._add(first, "first_token_received")
        self._add(
            first + tokens * rng.randrange(12, 30),
            "final_token_received",
            "last_token_received",
            {"total_tokens": tokens, "total_words": words},
        )
        length = words * rng.randrange(280, 380)
        if self.happens(self._habits.media):
            self._add(first + 5, "play_media")
            length += self._about(4000, 0.3)
        tts = self._about(self._language.tts_median_ms, 0.3)
        audio = first + tts + rng.randrange(10, 60)
        if not last and self.happens(self._habits.preemptions):
            self._preempted(audio, tts, length)
        elif audio <= self.now:  # queued behind an audible reply: no start of its own
            self._heard_since = first
            self._prolong(length)
        else:
            self._speak(audio, length, tts)

    def _preempted(self, audio: int, tts: int, length: int) -> None:
        """Cut the reply off by the tokens of a newer one."""
        cut = audio + max(300, length // 3)
        self._speak(max(audio, self.now + 1), cut - audio, tts)
        self.now = max(self.now, cut)
        self._add(self.now, "preempted")
        self._reply(self.now + 1, last=True)

    def _speak(self, audio: int, length: int, tts: int | None = None) -> None:
        latency = self._about(self._language.tts_median_ms, 0.3) if tts is None else tts
        self._latency(audio, "tts_latency", latency)
        self._add(audio, "start_of_agent_speech")
        self._heard_since = audio
        self.now = audio + max(200, length)
        self._add(self.now, "end_of_agent_speech")

    def _prolong(self, length: int) -> None:
        self._take_back_end()
        self.now += length
        self._add(self.now, "end_of_agent_speech")

    def _take_back_end(self) -> None:
        for place in range(len(self.events) - 1, -1, -1):
            if self.events[place].name == "end_of_agent_speech":
                del self.events[place]
                return

    # the caller while the agent speaks

    def _overlap(self) -> None:
        """Perhaps let the caller talk over the reply, or stop it with a key."""
        heard = self.now - self._heard_since
        moment = self._heard_since + int(heard * self._rng.uniform(0.15, 0.9))
        if self.happens(self._habits.barge_ins):
            self._barged = moment
            self._add(moment, "start_of_customer_speech")
            self._interrupt(moment + self._rng.randrange(120, 450), "SPEECH")
        elif self.happens(self._habits.key_presses):
            self._add(moment, "dtmf")
            self._interrupt(moment + 4, "DTMF")
            self._reply(self.now + self._thinking())  # to a key there is a reply, but no prompt
        elif self.happens(self._habits.coughs):
            self._cough(moment)

    def _interrupt(self, at: int, kind: str) -> None:
        """Silence the agent a moment after the interrupt, with no further tokens."""
        self._take_back_end()
        self._add(at, "interrupt", "interrupt", {"type": kind})
        self.now = at + self._rng.randrange(20, 260)
        self._add(self.now, "end_of_agent_speech")
        for place, event in enumerate(self.events):
            if event.at > self.now and event.name == "final_token_received":
                self.events[place] = event._replace(at=self.now)
