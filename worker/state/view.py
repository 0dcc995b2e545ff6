"""What can be seen of a state from outside, while its owner may be at work. Pure: a protocol."""

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
    """The stream that a state belongs to, and how many times it has been taken."""

    stream: str
    epoch: int


class WaitingEntries(NamedTuple):
    """Entries of one kind in the outbox: how many, of how many bytes, and when the first was made
    (epoch ms).
    """

    kind: EntryKind
    entries: int
    size: int
    oldest: int


class StateContents(NamedTuple):
    """What a state holds.

    ``stream``: whose it is, None if it was never taken; ``epoch``: how many times it was taken;
    ``commits``: the number of the last one; ``whole``: what all commits amount to; ``size``: bytes
    where it is kept; ``is_whole``: False if its latest commits are known to be missing.
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
    """A state, read only: nothing is taken and nothing written, so its owner isn't disturbed.

    All methods raise ``CorruptState`` for what can't be read, and ``BadInput`` if there is no
    state.
    """

    location: str
    """Where the state is, which tells its notes from another state's."""

    def taken(self) -> Taken:
        """Whose state it is."""
        ...

    def find_sessions(self, sid: str | None) -> list[EvictedSession]:
        """The sessions, open or closed, whose session_id or call_sid is ``sid``, as they are; all
        of them if it is None.
        """
        ...

    def found_sparse(self) -> bool:
        """Whether the stream's sequence numbers have been found not to follow one another."""
        ...

    def ledger_since(self, since: int, formats: Mapping[EntryKind, RequestFormat]) -> LedgerNotes:
        """The notes on entries of these kinds that can hold a minute at or after ``since`` (epoch
        ms); ``formats`` say what an entry that waits holds.

        An entry that ends meanwhile may be in both lists.
        """
        ...

    def contents(self) -> StateContents:
        """All that the state holds, but for the contents of closed sessions and notes."""
        ...
