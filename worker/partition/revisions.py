"""The last revisions of sessions that have closed within a day, in 24 bytes each. Pure.

A closed session is forgotten long before its call must be over. If events for it arrive after that,
the session begins again, and its records continue the earlier revisions, so that no two records of
one key and revision differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from struct import Struct
from typing import Final

from worker.events.event import SessionKey

REVISIONS_KEPT_MS: Final = 86_400_000
"""How long (ms) after its close a session's last revision is kept: no call lasts longer."""

_PERIOD: Final = 14_400_000
"""The period (ms) of their close by which entries are kept, and dropped."""

_ENTRY: Final = Struct(">16sII")
"""The key's digest, the revision, and when the session closed, in s."""

_DIGEST: Final = 16

RevisionPeriods = dict[int, bytes]
"""Concatenated entries by the start of their period (epoch ms). Of two entries of one session the
later one counts.
"""


class LastRevisions:
    """Last revisions by period of close. ``restored``: the entries of all commits. Some may be of
    sessions that are still in memory or in the store.
    """

    def __init__(self, restored: Mapping[int, bytes]) -> None:
        self._periods = {start: _Period(entries) for start, entries in restored.items()}
        for start in sorted(self._periods)[:-1]:
            self._periods[start].seal()
        self._new: dict[int, list[bytes]] = {}

    def remember(self, key: SessionKey, closed_at: int, revision: int) -> None:
        """Remember the last revision of a session that closed at ``closed_at`` (epoch ms)."""
        start = closed_at - closed_at % _PERIOD
        entry = _ENTRY.pack(_digest(key), revision, closed_at // 1000)
        if start not in self._periods:
            self._begin(start)
        self._periods[start].add(entry)
        self._new.setdefault(start, []).append(entry)

    def revision(self, key: SessionKey, now: int) -> int:
        """Return the last revision of a session that closed within a day before ``now`` (epoch ms);
        0 if there is none.
        """
        digest = _digest(key)
        for start in sorted(self._periods, reverse=True):
            entry = self._periods[start].find(digest)
            if entry is not None:
                _, revision, closed_s = _ENTRY.unpack(entry)
                return int(revision) if 1000 * closed_s > now - REVISIONS_KEPT_MS else 0
        return 0

    def drain(self) -> RevisionPeriods:
        """Drain the entries that were added since the last call."""
        new = {start: b"".join(entries) for start, entries in self._new.items()}
        self._new.clear()
        return new

    def _begin(self, start: int) -> None:
        """Begin a period: drop the earlier ones that are over, and compact the others."""
        for old in list(self._periods):
            if _is_over(old, start):
                del self._periods[old]
            else:
                self._periods[old].seal()
        self._periods[start] = _Period(b"")


def kept_revisions(periods: Mapping[int, Iterable[bytes]], now: int | None) -> RevisionPeriods:
    """Return the joined entries of the periods that matter at ``now`` (epoch ms) or later."""
    return {
        start: b"".join(entries)
        for start, entries in periods.items()
        if now is None or not _is_over(start, now)
    }


def merge_revisions(states: Iterable[RevisionPeriods]) -> RevisionPeriods:
    """Return the entries of several partitions' states, of each session the one with the highest
    revision: a session goes on in one of the partitions, whatever the others remember of it.
    """
    merged: dict[int, dict[bytes, bytes]] = {}
    for state in states:
        for start, joined in state.items():
            highest = merged.setdefault(start, {})
            for entry in _entries(joined):
                digest = entry[:_DIGEST]
                highest[digest] = max(entry, highest.get(digest, entry))
    return {start: b"".join(highest.values()) for start, highest in merged.items()}


def _is_over(start: int, now: int) -> bool:
    """Whether all sessions of a period have closed more than a day before ``now``."""
    return start + _PERIOD + REVISIONS_KEPT_MS < now


class _Period:
    """Entries by digest: new ones in a dict, and after ``seal`` all of them sorted in one
    string.
    """

    __slots__ = ("_new", "_sealed")

    def __init__(self, entries: bytes) -> None:
        self._sealed = b""
        self._new: dict[bytes, bytes] = {}
        for entry in _entries(entries):
            self.add(entry)

    def add(self, entry: bytes) -> None:
        self._new[entry[:_DIGEST]] = entry

    def find(self, digest: bytes) -> bytes | None:
        found = self._new.get(digest)
        if found is not None or not self._sealed:
            return found
        size = _ENTRY.size
        at = size * bisect_left(
            range(len(self._sealed) // size),
            digest,
            key=lambda n: self._sealed[size * n : size * n + _DIGEST],
        )
        entry = self._sealed[at : at + size]
        return entry if entry[:_DIGEST] == digest else None

    def seal(self) -> None:
        if self._new:
            whole = {entry[:_DIGEST]: entry for entry in _entries(self._sealed)} | self._new
            self._sealed = b"".join(whole[digest] for digest in sorted(whole))
            self._new = {}


def _entries(entries: bytes) -> Iterator[bytes]:
    for start in range(0, len(entries), _ENTRY.size):
        yield entries[start : start + _ENTRY.size]


def _digest(key: SessionKey) -> bytes:
    text = "\0".join((key.platform, key.account_sid, key.call_sid, key.session_id))
    return blake2b(text.encode(), digest_size=_DIGEST).digest()
