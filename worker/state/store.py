"""What a store must do for the worker: keep commits whole, in order, and for one owner only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from worker.events.event import SessionKey
from worker.outbox.entries import Entry, EntryKind, NewEntry, Settled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.partition.erasure import Erasure


class Commit(NamedTuple):
    """All that becomes durable at once. ``forget_before``: closed sessions that closed earlier
    than that (epoch ms of stream time) are dropped; it never falls from commit to commit.
    """

    delta: Delta
    new_entries: list[NewEntry]
    evicted: list[EvictedSession]
    forget_before: int | None


class Backlog(NamedTuple):
    """What waits in the outbox, in entries and about so many bytes. ``ambiguous``: attempts so
    far whose outcome nobody knows; ``oldest``: when the first of it was made (epoch ms), None if
    there is none.
    """

    entries: int
    size: int
    ambiguous: int
    oldest: int | None


Edit = Callable[[EntryKind, bytes], bytes]
"""What is left of the body of an entry of a kind: all of it, or nothing."""


class ErasedState(NamedTuple):
    """What was removed from a state: sessions in memory, closed sessions, and requests of which
    something, or all, was removed. ``maybe_sent``: of these requests, those that may have been
    sent, or be on their way still. ``cleared``: whether what was removed is gone from the file or
    the bucket, too; False if that is left to the next owner, or to the next attempt.
    """

    resident: int
    closed: int
    requests: int
    maybe_sent: int
    cleared: bool


class Store(Protocol):
    """One partition's state. All methods may be called from any thread.

    Every method that writes raises ``Fenced``, and changes nothing, once another owner has
    taken the partition; those that only read may, too. All but ``close`` raise ``CorruptState``
    for what can't be read back, and ``Misconfigured`` if where the state lies can't be used (any
    longer).
    """

    def acquire(self, stream: str) -> Delta:
        """Become the owner, of state that belongs to ``stream``: all commits so far, merged.

        ``stream`` names the stream and its creation; raises ``StreamReplaced`` if the state is
        another's.
        """
        ...

    def append(self, commit: Commit) -> None:
        """Make a commit durable; when this returns it is."""
        ...

    def load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        """Those of the sessions that were packed away and are still kept."""
        ...

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """The oldest entries of a kind in the outbox, durably marked as being sent."""
        ...

    def settle(self, settled: Iterable[Settled]) -> None:
        """Record the outcomes of attempts, and keep their notes."""
        ...

    def waiting_kinds(self) -> set[EntryKind]:
        """The kinds of the entries in the outbox."""
        ...

    def backlog(self) -> Backlog:
        """How much waits to be sent."""
        ...

    def size(self) -> int:
        """About how many bytes the state takes where it is kept."""
        ...

    def compact(self) -> None:
        """Merge commits so that the next start reads less; beside other calls if need be."""
        ...

    def close(self) -> None:
        """Let go of all resources."""
        ...


class Erasable(Store, Protocol):
    """A store from which a call can be removed."""

    def erase(self, erasure: Erasure, edit: Edit) -> ErasedState:
        """Remove what ``erasure`` covers, and of requests that wait what ``edit`` takes away, for
        good. For an owner that does nothing else; safe to repeat.
        """
        ...
