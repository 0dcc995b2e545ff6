"""What a store must do for the worker: keep commits whole, in order, and for one owner only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from worker.events.event import SessionKey
from worker.outbox.entries import Draft, Entry, EntryKind, Settled
from worker.partition.commit_outputs import Packed
from worker.partition.delta import Delta


class Commit(NamedTuple):
    """All that becomes durable at once. ``forget_before``: closed sessions that closed earlier
    than that (epoch ms of stream time) are dropped; it never falls from commit to commit.
    """

    delta: Delta
    drafts: list[Draft]
    packed: list[Packed]
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


class Store(Protocol):
    """One partition's state. All methods may be called from any thread.

    Every method that writes raises ``Fenced``, and changes nothing, once another owner has
    taken the partition; those that only read may, too. All but ``close`` raise ``CorruptState``
    for what can't be read back, and ``Misconfigured`` if where the state lies can't be used (any
    longer).
    """

    def take(self, stream: str) -> Delta:
        """Become the owner, of state that belongs to ``stream``: all commits so far, merged.

        ``stream`` names the stream and its creation; raises ``StreamReplaced`` if the state is
        another's.
        """
        ...

    def append(self, commit: Commit) -> None:
        """Make a commit durable; when this returns it is."""
        ...

    def recall(self, keys: Iterable[SessionKey]) -> dict[SessionKey, Packed]:
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
