"""Sessions written down in a line an event, and what the program makes of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.stream.record import Record
from worker.times.rfc3339 import format_ms

BASE = 1_790_942_400_000  # 2026-10-02T12:00:00Z, the start of a minute

Scene = Iterable[tuple[Any, ...]]
"""``(ms since BASE, name)`` or ``(ms, name, payload of that name)``."""

# event name -> key of its payload, where these differ
KEYS = {"final_token_received": "last_token_received", "error_event": "error"}


def cloud_event(at: int, name: str, payload: Any = None, number: int = 1, **relay: Any) -> bytes:
    """A gateway call event of session VX1; ``relay`` adds to or replaces its relay data."""
    data = {"session_id": "VX1", "name": name, "sequence_number": number}
    if payload is not None:
        data[KEYS.get(name, name)] = payload
    return envelope({**data, **relay}, at)


def envelope(relay: Any, at: int, **data: Any) -> bytes:
    """A gateway call event around relay data; ``data`` adds to or replaces its ``data``."""
    call = {
        "timestamp": format_ms(BASE + at),
        "account_sid": "AC1",
        "call_sid": "CA1",
        "group": "conversation_relay",
        "conversation_relay_data": relay,
    }
    kind = "com.twilio.voice.insights.call-event.gateway"
    return json.dumps({"specversion": "1.0", "type": kind, "data": {**call, **data}}).encode()


def records(scene: Scene) -> list[Record]:
    """The scene's records, each arriving a second after its event."""
    return [
        Record(
            "shard-0",
            str(number),
            BASE + at + 1000,
            cloud_event(at, name, payload[0] if payload else None, number),
            "",
        )
        for number, (at, name, *payload) in enumerate(scene, 1)
    ]


class Result:
    """What an offline replay gives."""

    def __init__(self, items: Iterable[Record], rules: Rules | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self.lines: list[bytes] = []
        self.letters: list[str] = []
        self.window: dict[tuple[str, tuple[tuple[str, str], ...], int], dict[int, int]] = {}
        replay = Replay(rules or Rules(), self._take)
        for item in items:
            replay.feed(item)
        replay.finish()
        self.counters = replay.counters

    def _take(self, outputs: Outputs) -> None:
        self.records += [json.loads(one.line) for one in outputs.records]
        self.lines += [one.line for one in outputs.records]
        self.letters += [letter.reason for letter in outputs.dead_letters]
        for (series, minute), distribution in outputs.window.items():
            self.window[series.metric, series.dimensions, minute] = distribution

    @property
    def record(self) -> dict[str, Any]:
        """The one session's record."""
        (record,) = self.records
        return record

    def samples(self, metric: str, **dimensions: str) -> list[int]:
        """All samples of a series, ascending, over all minutes."""
        found: Counter[int] = Counter()
        wanted = tuple(sorted(dimensions.items()))
        for (name, resident, _), distribution in self.window.items():
            if name == metric and resident == wanted:
                found.update(distribution)
        return sorted(found.elements())


def play(*scene: tuple[Any, ...]) -> Result:
    """Replay one session."""
    return Result(records(scene))
