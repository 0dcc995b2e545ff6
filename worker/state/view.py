"""The protocol of a read-only view of a state, while its owner may be running. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from worker.outbox.destination import RequestFormat
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta


class LedgerNotes(NamedTuple):
    """``ended``: notes on entries that have left the outbox; ``waiting``: on those still in it."""

    ended: list[Note]
    waiting: list[Note]


class Taken(NamedTuple):
    """The stream that a state belongs to, and how many times it has been acquired."""

    stream: str
    epoch: int


class WaitingEntries(NamedTuple):
    """Entries of one kind in the outbox: their number, their bytes, and when the oldest was created
    (epoch ms).
    """

    kind: EntryKind
    entries: int
    size: int
    oldest: int


class StateContents(NamedTuple):
    """The contents of a state.

    ``stream``: the one it belongs to, None if it was never acquired; ``epoch``: how many times it
    was acquired; ``commits``: the number of the last one; ``whole``: the merge of all commits;
    ``size``: bytes in its location; ``is_whole``: False if its latest commits are known to be
    missing.
    """

    stream: str | None
    epoch: int
    commits: int
    whole: Delta
    closed_sessions: int
    waiting: list[WaitingEntries]
    size: int
    is_whole: bool


class StateView(Protocol):
    """A read-only view of a state: it acquires and writes nothing, so the owner isn't disturbed.

    All methods raise ``CorruptState`` for data that can't be read, and ``BadInput`` if there is no
    state.
    """

    location: str
    """The state's location, which distinguishes its notes from another state's."""

    def taken(self) -> Taken:
        """Return the stream and epoch of the state."""
        ...

    def find_sessions(self, sid: str | None) -> list[EvictedSession]:
        """Return the sessions, open or closed, whose session_id or call_sid is ``sid``, as they are
        now; all sessions if it is None.
        """
        ...

    def find_closed_sessions(self, sid: str) -> list[EvictedSession]:
        """Return the closed sessions whose session_id or call_sid is ``sid``. Unlike
        ``find_sessions`` it reads no open ones, however many there are.
        """
        ...

    def found_sparse(self) -> bool:
        """Return whether the stream's sequence numbers have been found not to be contiguous."""
        ...

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """Return the notes on entries of these kinds that can hold a minute at or after ``since``
        (epoch ms); ``formats`` decode the waiting entries.

        An entry that ends meanwhile may be in both lists.
        """
        ...

    def notes(self) -> list[Note]:
        """Return all notes of the ledger, of every kind, on entries that have ended."""
        ...

    def contents(self) -> StateContents:
        """Return all that the state contains, except the contents of closed sessions and notes."""
        ...
