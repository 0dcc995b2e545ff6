"""Records of simulated calls, for what the page makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from worker.events.event import SessionKey
from worker.partition.commit_outputs import Outputs, Window
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.stream.record import Record
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records

LIVELY = Habits(language_changes=0.5, errors=0.3, tool_delays=0.2, silences=0.2, barge_ins=0.3)


class Replayed:
    """A recording's records, each session's last, and all samples that it published."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._lines: dict[SessionKey, bytes] = {}
        self.window: Window = {}
        replay = Replay(Rules(), self._take)
        for record in records:
            replay.feed(record)
        replay.finish()
        self.records = [decode_record(line) for line in self._lines.values()]
        self.counters = replay.counters

    def _take(self, outputs: Outputs) -> None:
        for place, counts in outputs.window.items():
            assert place not in self.window
            self.window[place] = counts
        for one in outputs.records:
            self._lines[one.key] = one.line


@cache
def replayed(
    sessions: int = 60, seed: int = 5, spread_s: int = 1800, lost: float = 0.01
) -> Replayed:
    """Of simulated traffic; the same for equal arguments, so do not change it."""
    traffic = Traffic(sessions=sessions, spread_s=spread_s, lost=lost, habits=LIVELY)
    return Replayed(simulated_records(traffic, seed))


def records(sessions: int = 60, seed: int = 5) -> list[SessionRecord]:
    """The records of simulated traffic."""
    return replayed(sessions, seed).records
