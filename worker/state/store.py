"""The protocol of a store: it keeps commits whole, in order, and for a single owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from worker.events.event import SessionKey
from worker.outbox.entries import Entry, EntryKind, NewEntry, Settled
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta
from worker.partition.erasure import Erasure


class Commit(NamedTuple):
    """The changes that become durable at once. ``forget_before``: closed sessions that closed
    earlier than that (epoch ms of stream time) are dropped; it never decreases from commit to
    commit.
    """

    delta: Delta
    new_entries: list[NewEntry]
    evicted: list[EvictedSession]
    forget_before: int | None


class Backlog(NamedTuple):
    """The entries waiting in the outbox, and their approximate bytes. ``ambiguous``: attempts so
    far with an unknown outcome; ``oldest``: when the oldest was created (epoch ms), None if there
    is none.
    """

    entries: int
    size: int
    ambiguous: int
    oldest: int | None


Edit = Callable[[EntryKind, bytes], bytes]
"""Given an entry's kind and body, returns the part of the body to keep: all of it, some, or
nothing.
"""


class ErasedState(NamedTuple):
    """The result of an erasure: the numbers of erased resident sessions, of closed sessions, and of
    requests that lost some or all of their contents. ``maybe_sent``: those of these requests that
    may have been sent, or may still be in flight. ``cleared``: whether the erased data is gone from
    the file or the bucket, too; False if that is left to the next owner, or to the next attempt.
    """

    resident: int
    closed: int
    requests: int
    maybe_sent: int
    cleared: bool


class Store(Protocol):
    """One partition's state. All methods may be called from any thread.

    Every method that writes raises ``Fenced``, and changes nothing, once another owner has acquired
    the partition; those that only read may, too. All but ``close`` raise ``CorruptState`` for data
    that can't be read back, and ``Misconfigured`` if the state's location can't be used (any
    longer).
    """

    def acquire(self, stream: str) -> Delta:
        """Become the owner of the state of ``stream``; return the merge of all commits so far.

        ``stream`` names the stream and its creation; raises ``StreamReplaced`` if the state is
        another stream's.
        """
        ...

    def append(self, commit: Commit) -> None:
        """Make a commit durable; it is when this returns."""
        ...

    def load_sessions(self, keys: Iterable[SessionKey]) -> dict[SessionKey, EvictedSession]:
        """Return those of the sessions that were evicted and are still kept."""
        ...

    def claim(self, kind: EntryKind, most: int) -> list[Entry]:
        """Return the oldest entries of a kind in the outbox, durably marked as being sent."""
        ...

    def settle(self, settled: Iterable[Settled]) -> None:
        """Record the outcomes of attempts, and keep their notes."""
        ...

    def waiting_kinds(self) -> set[EntryKind]:
        """Return the kinds of the entries in the outbox."""
        ...

    def backlog(self) -> Backlog:
        """Return how much waits to be sent."""
        ...

    def size(self) -> int:
        """Return about how many bytes the state takes in its location."""
        ...

    def compact(self) -> None:
        """Merge commits so that the next start reads less; may run beside other calls."""
        ...

    def close(self) -> None:
        """Release all resources."""
        ...


class Erasable(Store, Protocol):
    """A store that can be changed as a whole: a call erased from it, or itself handed over."""

    def erase(self, erasure: Erasure, edit: Edit) -> ErasedState:
        """Erase for good what ``erasure`` covers, and what ``edit`` removes from waiting requests.
        For an owner that does nothing else; safe to repeat.
        """
        ...

    def hand_over(self, to: str) -> None:
        """Make the state belong to ``to`` instead of a stream, because its contents have been moved
        there: whoever acquires it for its stream gets ``StreamReplaced`` from now on.
        """
        ...
