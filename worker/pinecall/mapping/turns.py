"""A turn of a call, gathered from the entries of its log by their speech id. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple

from worker.pinecall.mapping.values import count, instant_s, seconds

TOOL_WINDOW_S: Final = 0.25
"""The longest time (s) from the end of the model's request to the call of its tool."""

MOST_TURNS: Final = 256
"""How many turns of a call are remembered; the entries of a turn lie within a few turns."""

_MOST_PIECES: Final = 256


class Request(NamedTuple):
    """A request to the model. Unix times in s; ``first_token``: None if there was none."""

    started: float
    ended: float
    first_token: float | None
    tokens: int | None


class Turn:
    """The facts known of a turn before the entry of the agent's reply. Times in epoch ms."""

    __slots__ = ("eou_ms", "prompt", "requests", "stt_ms", "tools", "tts_s")

    def __init__(self) -> None:
        self.prompt: int | None = None
        self.stt_ms: int | None = None
        self.eou_ms: int | None = None
        self.tts_s: float | None = None
        """The first synthesis, from request to first byte (s)."""
        self.requests: list[Request] = []
        self.tools: list[float] = []

    def request(self, data: dict[str, Any]) -> None:
        """Note a ``metrics.llm``, unless its answer was dropped before it was heard."""
        ended, duration = instant_s(data.get("timestamp")), seconds(data.get("duration"))
        cancelled = data.get("cancelled") is True
        if cancelled or ended is None or duration is None or len(self.requests) >= _MOST_PIECES:
            return
        ttft = seconds(data.get("ttft"))
        started = ended - duration
        first = None if ttft is None or ttft < 0 else started + ttft
        self.requests.append(Request(started, ended, first, count(data.get("completion_tokens"))))

    def synthesis(self, data: dict[str, Any]) -> None:
        """Note a ``metrics.tts``, if it is the first with a first byte."""
        ttfb = seconds(data.get("ttfb"))
        if self.tts_s is None and ttfb is not None and ttfb >= 0:
            self.tts_s = ttfb

    def tool(self, at: float) -> None:
        """Note a ``tool.call``."""
        if len(self.tools) < _MOST_PIECES:
            self.tools.append(at)

    def spoken(self) -> list[Request]:
        """Return the requests whose answer was spoken, and not a tool's call."""
        return [
            one
            for one in self.requests
            if not any(one.started <= at <= one.ended + TOOL_WINDOW_S for at in self.tools)
        ]


class Turns:
    """The latest turns of a call."""

    def __init__(self) -> None:
        self._turns: OrderedDict[int, Turn] = OrderedDict()

    def of(self, number: int) -> Turn:
        """Return the turn with a number."""
        turn = self._turns.get(number)
        if turn is None:
            turn = self._turns[number] = Turn()
            if len(self._turns) > MOST_TURNS:
                self._turns.popitem(last=False)
        return turn
