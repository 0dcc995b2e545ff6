"""One simulated call as Pinecall's log has it, entry by entry, content and numbers included.

The content is made up, and there so that its absence further on can be tested. Times go by the
platform's own rules: speech is back-dated to the sound, a request to the model is reported as it
ends, an agent's turn once it was played.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any, Final, NamedTuple

from worker.testing.habits import Habits

CallLogEntry = dict[str, Any]

CALLER: Final = "+15005550111"
CALLED: Final = "+15005550199"
CALLER_NAME: Final = "Sam Example"
OPERATOR: Final = {"id": "m_ana", "name": "Ana"}
SAID: Final = "I would like to book a table for two."
ANSWERED: Final = "Of course, for which evening shall I look?"

_LLM: Final = {"model_name": "claude-haiku-4-5", "model_provider": "anthropic"}
_STT: Final = {"model_name": "flux-general-en", "model_provider": "deepgram"}
_TTS: Final = {"model_name": "eleven_flash_v2_5", "model_provider": "elevenlabs"}
_AGENTS: Final = ("front-desk", "billing", "after-hours")


class PinecallCall(NamedTuple):
    """``entries``: in order of their sequence numbers, which have holes, as real ones do."""

    call: str
    entries: list[CallLogEntry]

    @property
    def started(self) -> float:
        """When it began, in epoch seconds."""
        return float(self.entries[0]["ts"])


def pinecall_call(rng: Random, habits: Habits, start_ms: int) -> PinecallCall:
    """A call that starts at an instant (epoch ms), with its whole log."""
    scene = _Scene(rng, habits, start_ms / 1000)
    scene.open()
    turns = max(1, min(200, round(rng.expovariate(1 / max(habits.turns, 0.01)))))
    for _ in range(turns):
        scene.turn()
    if scene.happens(habits.silences):
        scene.user_turn()
        scene.now += scene.about(14.0, 0.4)
    scene.close()
    return PinecallCall(scene.call, scene.numbered())


class _Scene:
    """``now``: when the agent fell silent, in epoch seconds."""

    def __init__(self, rng: Random, habits: Habits, start: float) -> None:
        self.call = f"call_{rng.getrandbits(64):016x}"
        self.now = start
        self._start = start
        self._rng = rng
        self._habits = habits
        self._agent = rng.choice(_AGENTS)
        self._speeches = 0
        self._entries: list[CallLogEntry] = []

    def happens(self, rate: float) -> bool:
        return self._rng.random() < rate

    def about(self, median_s: float, sigma: float) -> float:
        """Draw a lognormal duration, in seconds to the millisecond."""
        return round(self._rng.lognormvariate(math.log(median_s), sigma), 3)

    def numbered(self) -> list[CallLogEntry]:
        """Number the entries in the order in which they were written."""
        number = 0
        for entry in sorted(self._entries, key=_written):
            number += self._rng.choice((1, 1, 1, 2, 5))
            entry["seq"] = number
        return sorted(self._entries, key=_number)

    # the course of a call

    def open(self) -> None:
        """Let the call ring, be answered and, mostly, greeted."""
        caller = {"id": "ct_1f", "phone": CALLER, "name": CALLER_NAME}
        route = {"channel": "phone", "number": CALLED, "label": "main line"}
        ends = {"channel": "phone", "from": CALLER, "to": CALLED, "run": None, "caller": caller}
        self._add(self.now, "call.ringing", {**ends, "route": route, "external_id": "SIP-55aa"})
        self.now += self.about(0.4, 0.2)
        self._start = self.now
        started = {"direction": "inbound", "persona": None, "started_at": self.now}
        more = {"env": "production", "worker": "w_eu1_03", "medium": "voice"}
        self._add(self.now, "call.started", {**ends, **started, **more, "state": {"stage": "new"}})
        if not self.happens(self._habits.no_greeting):
            self._agent_turn(self._speech(), self.now + self.about(0.3, 0.2), None)

    def turn(self) -> None:
        """Let the caller speak and get a reply, perhaps with something else in between."""
        speech, stopped, handed = self.user_turn()
        first = handed
        if self.happens(self._habits.tool_delays):
            first = self._tool_round(speech, handed)
        thinking = self.about(0.42, 0.35)
        done = first + thinking + self.about(0.8, 0.3)
        self._request(speech, done, done - first, thinking)
        heard = first + thinking + self.about(0.25, 0.2)
        self._agent_turn(speech, heard, stopped, may_stop=True)
        if self.happens(self._habits.errors):
            text = {"code": "llm_timeout", "message": f"no word for {CALLER}", "recoverable": True}
            self._add(self.now, "error", text)
        if self.happens(self._habits.key_presses):
            self._add(self.now + 0.1, "dtmf.received", {"digit": "7", "code": 7})
        if self.happens(self._habits.holds):
            self._hold()
        if self.happens(self._habits.handoffs):
            self._handoff()

    def user_turn(self) -> tuple[str, float, float]:
        """Let the caller speak; return the speech id, when the sound ended, and the hand-over."""
        speech = self._speech()
        started = self.now + self.about(0.65, 0.6)
        stopped = started + max(0.15, self.about(2.3, 0.6))
        delay, end = self.about(0.14, 0.3), self.about(0.4, 0.3)
        metrics = {
            "started_speaking_at": round(started, 3),
            "stopped_speaking_at": round(stopped, 3),
            "transcription_delay": delay,
            "end_of_turn_delay": end,
            "on_user_turn_completed_delay": 0.003,
            "stt_metadata": _STT,
        }
        handed = stopped + end + 0.003
        said = {"text": SAID, "language": "en", "transcript_confidence": 0.96}
        item = {"speech_id": speech, "item_id": f"item_u_{speech}", **said, "metrics": metrics}
        self._add(handed + 0.001, "turn.user", item)
        self.now = handed
        return speech, stopped, handed

    def close(self) -> None:
        """End the call: the gateway writes its summary and seals its log."""
        end = max(self.now, *(entry["ts"] for entry in self._entries)) + self.about(1.0, 0.5)
        duration = round(end - self._start, 3)
        reason = self._rng.choice(("caller_hung_up", "agent_hung_up", "timeout"))
        by = {"caller_hung_up": "caller", "agent_hung_up": "agent"}.get(reason, "platform")
        ended = {"reason": reason, "ended_by": by, "ended_at": round(end, 3)}
        self._add(end, "call.ended", {**ended, "duration_s": duration})
        self._add(
            end + 1.2,
            "call.summary",
            {
                "reason": reason,
                "outcome": f"{CALLER_NAME} booked a table",
                "duration_s": duration,
                "turns": self._speeches,
                "usage": [],
                "cost": {"usd": 0.02, "rows": [], "unpriced": []},
                "recording": f"recordings/{self.call}.ogg",
            },
        )
        score = {"passed": True, "judges": [], "panel": ["consent"], "judge_calls": 0}
        self._add(end + 3, "call.score", score)

    # the parts of turns

    def _speech(self) -> str:
        self._speeches += 1
        return f"sp_{self._speeches}"

    def _agent_turn(
        self, speech: str, heard: float, stopped: float | None, *, may_stop: bool = False
    ) -> None:
        length = max(0.3, self.about(3.5, 0.4))
        cut = may_stop and self.happens(self._habits.barge_ins)
        end = heard + (length * self._rng.uniform(0.2, 0.9) if cut else length)
        ttfb = self.about(0.2, 0.2)
        self._add(
            heard + 0.5,
            "metrics.tts",
            {
                "type": "tts_metrics",
                "label": "elevenlabs.TTS",
                "request_id": f"tts_{speech}",
                "timestamp": round(heard + 0.5, 3),
                "ttfb": ttfb,
                "duration": 0.9,
                "audio_duration": length,
                "cancelled": False,
                "characters_count": len(ANSWERED),
                "streamed": True,
                "segment_id": f"{speech}_s0",
                "speech_id": speech,
                "metadata": _TTS,
            },
        )
        metrics: dict[str, Any] = {
            "started_speaking_at": round(heard, 3),
            "stopped_speaking_at": round(end, 3),
            "playback_latency": 0.004,
            "tts_node_ttfb": ttfb,
            "tts_metadata": _TTS,
        }
        if stopped is not None:
            e2e = round(round(heard, 3) - round(stopped, 3), 3)
            metrics |= {"e2e_latency": e2e, "llm_metadata": _LLM}
        item = {"speech_id": speech, "item_id": f"item_a_{speech}", "text": ANSWERED}
        self._add(end + 0.02, "turn.agent", {**item, "interrupted": cut, "metrics": metrics})
        self.now = end

    def _request(self, speech: str, at: float, took_s: float, ttft_s: float) -> None:
        tokens = self._rng.randrange(12, 90)
        self._add(
            at,
            "metrics.llm",
            {
                "type": "llm_metrics",
                "label": "anthropic.LLM",
                "request_id": f"req_{self._rng.getrandbits(32):08x}",
                "timestamp": round(at, 3),
                "duration": round(took_s, 3),
                "ttft": round(ttft_s, 3),
                "cancelled": False,
                "completion_tokens": tokens,
                "prompt_tokens": 1800,
                "prompt_cached_tokens": 1500,
                "total_tokens": 1800 + tokens,
                "tokens_per_second": round(tokens / took_s, 1),
                "speech_id": speech,
                "metadata": _LLM,
            },
        )

    def _tool_round(self, speech: str, handed: float) -> float:
        """Add a request that only calls a tool; return when its result is there."""
        asked = handed + self.about(0.7, 0.2)
        self._request(speech, asked, asked - handed, 0.4)
        call_id = f"toolu_{self._rng.getrandbits(32):08x}"
        arguments = {"phone": CALLER, "name": CALLER_NAME}
        call = {"call_id": call_id, "name": "find_slots", "arguments": arguments}
        self._add(asked + 0.01, "tool.call", {**call, "speech_id": speech})
        took = self.about(1.2, 0.5)
        output = {"slots": ["19:00", "20:30"], "for": CALLER_NAME}
        result = {"call_id": call_id, "name": "find_slots", "output": output}
        self._add(asked + took, "tool.result", {**result, "summary": SAID, "duration_s": took})
        return asked + took

    def _hold(self) -> None:
        self._add(self.now + 0.2, "call.line", {"held": True, "muted": False})
        self.now += 0.2 + self.about(6.0, 0.4)
        self._add(self.now, "call.line", {"held": False, "muted": False})

    def _handoff(self) -> None:
        asked = {"reason": f"{CALLER_NAME} asks for a person", "wait_s": 30.0}
        self._add(self.now + 0.2, "attention.requested", asked)
        self._add(self.now + 3.0, "attention.answered", {"ok": True, "by": OPERATOR, "error": None})
        self._add(self.now + 3.1, "supervisor.took_over", {"by": OPERATOR})
        self.now += 3.1 + self.about(25.0, 0.4)
        self._add(self.now, "supervisor.released", {"by": OPERATOR})

    def _add(self, at: float, kind: str, data: dict[str, Any]) -> None:
        envelope = {"seq": 0, "ts": round(at, 3), "call": self.call, "agent": self._agent}
        self._entries.append({**envelope, "type": kind, "ephemeral": False, "data": data})


def _written(entry: CallLogEntry) -> float:
    return float(entry["ts"])


def _number(entry: CallLogEntry) -> int:
    return int(entry["seq"])
