"""The last hours of a running worker, as the page shows them: bounded in time and memory. Pure.

Data that doesn't fit is dropped, the oldest first, and never returns: a minute that is shown has
every sample that was published since the worker's start.
"""

from __future__ import annotations

from collections import Counter, deque
from itertools import takewhile
from typing import Any, Final, NamedTuple
from zlib import compress, decompress

import msgspec

from worker.events.event import SessionKey
from worker.metrics import distribution
from worker.metrics.distribution import Distribution, coarsen
from worker.metrics.series import Series
from worker.page.fleet import SHOWN_METRICS, FleetSamples
from worker.page.summary import summary_row
from worker.page.trend import Trend
from worker.partition.commit_outputs import RecordLine, Window
from worker.service.letter_news import LATEST, LetterNews, LetterOrigin
from worker.service.ports import WorkerStatus
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.times.minutes import MINUTE, minute_of

MOST_VALUES: Final = 150
"""The most distinct values of a series' minute, which are as many as a datum has."""
REASONS_AT_MOST: Final = 50
_OTHER_REASONS: Final = "other reasons"
_OVERHEAD: Final = 250
"""The bytes of Python objects around each kept value."""
_ROWS_AT_ONCE: Final = 2_000
_LONGEST_LINE: Final = 1 << 20
"""A record that is longer (bytes) has a row, but is not kept."""


class RecentBounds(NamedTuple):
    """``span``: ms of stream time; ``size``: bytes; ``calls``: closed sessions."""

    span: int
    calls: int
    size: int = 64 << 20


class RecentSession(NamedTuple):
    """A closed session: the cursor of its row, the row as JSON, its record's revision and deflated
    line (empty if it is too long), and the minute in which it came.
    """

    cursor: int
    row: bytes
    revision: int
    line: bytes
    sids: tuple[str, str]
    minute: int

    @property
    def size(self) -> int:
        """Bytes, with what is around it."""
        return len(self.row) + len(self.line) + _OVERHEAD


class SessionRows(NamedTuple):
    """Rows after a cursor, each as JSON; ``next``: the cursor of the last one; ``oldest``: that of
    the oldest one that is still kept; ``more``: whether others follow at once.
    """

    rows: list[bytes]
    next: int
    oldest: int
    more: bool


class Recent:
    """The samples of the last hours by series and minute, and the sessions that closed in them."""

    def __init__(self, bounds: RecentBounds) -> None:
        self._bounds = bounds
        self._minutes: dict[int, dict[Series, bytes]] = {}
        self._sessions: dict[tuple[SessionKey, int], RecentSession] = {}
        self._cursor = 0
        self._floor = 0
        self.size = 0
        self.reasons: Counter[str] = Counter()
        self.letters: deque[LetterOrigin] = deque(maxlen=LATEST)
        self.trend = Trend(bounds.span // MINUTE)
        self.since: int | None = None
        self.stream_time: int | None = None
        self._commits = 0

    @property
    def floor(self) -> int:
        """The first minute (epoch ms) of which samples are kept."""
        return self._floor

    @property
    def sessions(self) -> int:
        """The number of closed sessions that are kept."""
        return len(self._sessions)

    def add(self, status: WorkerStatus, at: int) -> None:
        """Add what a commit at ``at`` (epoch ms) has published."""
        if not self._commits:
            self.since = status.stream_time
        self._commits += 1
        self.stream_time = status.stream_time
        if status.stream_time is not None:
            self._forget_before(minute_of(status.stream_time) - self._bounds.span)
        self._add_window(status.window)
        minute = minute_of(at if status.stream_time is None else status.stream_time)
        for line in status.records:
            self._add_record(line, minute)
        self._add_letters(status.letters)
        self.trend.add(status, at)
        self._fit()

    def _add_window(self, window: Window) -> None:
        latest = minute_of(self.stream_time or 0) + self._bounds.span
        for (series, minute), samples in window.items():
            if series.metric in SHOWN_METRICS and self._floor <= minute <= latest:
                minutes = self._minutes.setdefault(minute, {})
                known = minutes.get(series)
                if known is None:
                    kept = packed(samples)
                else:
                    kept = packed(_merged(unpacked(known), samples))
                    self.size -= len(known) + _OVERHEAD
                minutes[series] = kept
                self.size += len(kept) + _OVERHEAD

    def _add_record(self, line: RecordLine, minute: int) -> None:
        key = line.key, line.continued
        known = self._sessions.get(key)
        if known is not None:
            if known.revision > line.revision:
                return
            self._drop_session(key)
        self._cursor += 1
        record = decode_record(line.line)
        row = {**summary_row(record), "cursor": self._cursor, "continued": line.continued}
        kept = compress(line.line) if len(line.line) <= _LONGEST_LINE else b""
        sids = record.session_id, record.call_sid
        session = RecentSession(
            self._cursor, msgspec.json.encode(row), line.revision, kept, sids, minute
        )
        self._sessions[key] = session
        self.size += session.size

    def _add_letters(self, letters: LetterNews) -> None:
        for reason, count in letters.reasons.items():
            known = reason in self.reasons or len(self.reasons) < REASONS_AT_MOST
            self.reasons[reason if known else _OTHER_REASONS] += count
        self.letters.extend(letters.latest)

    def _forget_before(self, minute: int) -> None:
        self._floor = max(self._floor, minute)
        for old in [one for one in self._minutes if one < self._floor]:
            self._drop_minute(old)
        for key, session in list(self._sessions.items()):
            if session.minute >= self._floor:
                break
            self._drop_session(key)

    def _fit(self) -> None:
        """Forget the oldest until all bounds are kept."""
        while len(self._sessions) > self._bounds.calls:
            self._drop_session(next(iter(self._sessions)))
        while self.size > self._bounds.size:
            minute = min(self._minutes, default=None)
            key = next(iter(self._sessions), None)
            if key is not None and (minute is None or self._sessions[key].minute < minute):
                self._drop_session(key)
            elif minute is not None:
                self._drop_minute(minute)
                self._floor = max(self._floor, minute + MINUTE)

    def _drop_minute(self, minute: int) -> None:
        dropped = self._minutes.pop(minute)
        self.size -= sum(len(one) + _OVERHEAD for one in dropped.values())

    def _drop_session(self, key: tuple[SessionKey, int]) -> None:
        self.size -= self._sessions.pop(key).size

    # --- queries of the page

    def samples(self, since: int, until: int) -> FleetSamples:
        """The samples of the minutes from ``since`` up to ``until``, which is not in it (epoch
        ms).
        """
        by_series: dict[Series, dict[int, Distribution]] = {}
        for minute, some in self._minutes.items():
            if since <= minute < until:
                for series, kept in some.items():
                    by_series.setdefault(series, {})[minute] = unpacked(kept)
        gathered = FleetSamples()
        for series, minutes in by_series.items():
            gathered.add_series(series, minutes)
        return gathered

    def rows_after(self, cursor: int) -> SessionRows:
        """The rows of sessions that closed, or were revised, after a cursor; a limited number."""
        newest = reversed(self._sessions.values())
        newer = list(takewhile(lambda one: one.cursor > cursor, newest))
        newer.reverse()
        some = newer[:_ROWS_AT_ONCE]
        oldest = next(iter(self._sessions.values())).cursor if self._sessions else self._cursor + 1
        last = some[-1].cursor if some else max(cursor, 0)
        return SessionRows([one.row for one in some], last, oldest, len(newer) > len(some))

    def records(self, sid: str) -> list[SessionRecord]:
        """The records of a session or a call, as far as they are kept."""
        return [
            decode_record(decompress(one.line))
            for one in self._sessions.values()
            if sid in one.sids and one.line
        ]

    def letters_view(self) -> dict[str, Any]:
        """The dead letters by reason, and the origins of the latest ones."""
        return {
            "reasons": dict(sorted(self.reasons.items(), key=lambda one: (-one[1], one[0]))),
            "letters": [one._asdict() for one in reversed(self.letters)],
        }


def _merged(one: Distribution, other: Distribution) -> Distribution:
    distribution.add(one, other)
    return one


def packed(samples: Distribution) -> bytes:
    """A distribution in few bytes, coarsened as the datums are."""
    coarse = coarsen(samples, MOST_VALUES)
    return _ENCODER.encode([*coarse.keys(), *coarse.values()])


def unpacked(kept: bytes) -> Distribution:
    """The distribution that ``packed`` has made so."""
    numbers = _DECODER.decode(kept)
    half = len(numbers) // 2
    return dict(zip(numbers[:half], numbers[half:], strict=True))


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[int])
