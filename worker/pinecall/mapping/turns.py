"""A turn of a call, gathered from the entries of its log by their speech id. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple

from worker.pinecall.mapping.values import count, instant_s, seconds

TOOL_WINDOW_S: Final = 0.25
"""A tool is called at most so long after the request of the model that asks for it has ended."""

MOST_TURNS: Final = 256
"""Turns of a call that are remembered; all entries of a turn lie within a few."""

_MOST_PIECES: Final = 256


class Request(NamedTuple):
    """A request of the model. Unix times in s; ``first_token``: None if there was none."""

    started: float
    ended: float
    first_token: float | None
    tokens: int | None


class Turn:
    """What is known of one turn before the entry of the agent's reply. Times in epoch ms."""

    __slots__ = ("eou_ms", "prompt", "requests", "stt_ms", "tools", "tts_s")

    def __init__(self) -> None:
        self.prompt: int | None = None
        self.stt_ms: int | None = None
        self.eou_ms: int | None = None
        self.tts_s: float | None = None
        """The first synthesis: request to first byte."""
        self.requests: list[Request] = []
        self.tools: list[float] = []

    def request(self, data: dict[str, Any]) -> None:
        """A ``metrics.llm``; one that was dropped before it was heard says nothing."""
        ended, duration = instant_s(data.get("timestamp")), seconds(data.get("duration"))
        cancelled = data.get("cancelled") is True
        if cancelled or ended is None or duration is None or len(self.requests) >= _MOST_PIECES:
            return
        ttft = seconds(data.get("ttft"))
        started = ended - duration
        first = None if ttft is None or ttft < 0 else started + ttft
        self.requests.append(Request(started, ended, first, count(data.get("completion_tokens"))))

    def synthesis(self, data: dict[str, Any]) -> None:
        """A ``metrics.tts``, of which the first that got anything counts."""
        ttfb = seconds(data.get("ttfb"))
        if self.tts_s is None and ttfb is not None and ttfb >= 0:
            self.tts_s = ttfb

    def tool(self, at: float) -> None:
        """A ``tool.call``."""
        if len(self.tools) < _MOST_PIECES:
            self.tools.append(at)

    def spoken(self) -> list[Request]:
        """The requests whose answer was spoken, and not a tool's call."""
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
        """The turn of a number."""
        turn = self._turns.get(number)
        if turn is None:
            turn = self._turns[number] = Turn()
            if len(self._turns) > MOST_TURNS:
                self._turns.popitem(last=False)
        return turn
