"""A worker's status by minute, for the pipeline's small lines. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from worker.service.ports import WorkerStatus
from worker.times.minutes import minute_of


class TrendMinute(NamedTuple):
    """The worst of a minute of the machine's clock: lag, distance of stream time and commit in ms,
    entries of the outbox, sessions in memory; and the dead letters of it.
    """

    minute: int
    lag: int
    stream_time: int
    outbox: int
    sessions: int
    commit: int
    dead_letters: int


NAMES: Final = TrendMinute._fields[1:]


class Trend:
    """The last ``most`` minutes in which commits were made."""

    def __init__(self, most: int) -> None:
        self._minutes: deque[TrendMinute] = deque(maxlen=most)

    def add(self, status: WorkerStatus, at: int) -> None:
        """Add a commit at ``at`` (epoch ms)."""
        stream_time = at if status.stream_time is None else status.stream_time
        now = TrendMinute(
            minute_of(at),
            status.behind_ms,
            max(0, at - stream_time),
            status.backlog.entries,
            status.sessions,
            round(1000 * status.commit_s),
            status.letters.reasons.total(),
        )
        if self._minutes and self._minutes[-1].minute == now.minute:
            now = _worse(self._minutes.pop(), now)
        self._minutes.append(now)

    def columns(self) -> dict[str, list[int]]:
        """The minutes' numbers, by name."""
        return {name: [getattr(one, name) for one in self._minutes] for name in NAMES}


def _worse(one: TrendMinute, other: TrendMinute) -> TrendMinute:
    dead_letters = one.dead_letters + other.dead_letters
    return TrendMinute(*map(max, one, other))._replace(dead_letters=dead_letters)
