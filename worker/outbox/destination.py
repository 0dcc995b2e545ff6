"""What the outbox needs of a destination: the format of its requests, and a sink that sends them.

The format is pure, so commits, replays and whoever looks into a state can use it without a
connection. A further destination is one more of these under a name of its own: its entries, its
lane and its notes in the ledger bear that name, and it gets each sample once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from worker.outbox.entries import DeliveryOutcome, EntryKind, NewEntry
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import DeadLetter

OnAmbiguous = Literal["resend", "drop"]
"""What becomes of a request after an attempt whose outcome nobody knows."""


class Replacement(NamedTuple):
    """What takes the place of a request: the ``bodies`` of those that go on, a dead letter of what
    doesn't, and how many samples that held.
    """

    bodies: tuple[bytes, ...]
    letter: DeadLetter | None = None
    dropped: SampleCounts = ()


class RequestFormat(Protocol):
    """How a destination's requests look. Pure: the same arguments give the same bytes."""

    def requests(self, outputs: Outputs) -> Iterable[bytes]:
        """Complete requests for what of a commit's outputs is meant for this destination.

        All samples of a series' minute are in one of them, for it may be applied more than once.
        """
        ...

    def split(self, body: bytes) -> Replacement | None:
        """For a request that is invalid as a whole: smaller ones, or, when what is left can't be
        split, its dead letter. None if the request has to stay as it is, and is tried again.
        """
        ...

    def too_old(self, body: bytes) -> Replacement | None:
        """For a request that the destination has refused because all of it is too old: its dead
        letter. None if the request has to stay as it is, and is tried again.
        """
        ...

    def counts(self, body: bytes) -> SampleCounts:
        """How many samples of each series' minute a request holds; nothing if there is no harm in
        applying it twice.
        """
        ...


class Sink(Protocol):
    """The way to a destination."""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Make one attempt; its outcome, and why it failed, in one line, or an empty text."""
        ...


class Destination(NamedTuple):
    """Where entries of one kind go. ``on_ambiguous`` is ``drop`` only where samples would count
    twice. ``in_order``: whether no entry may arrive before an older one.
    """

    format: RequestFormat
    sink: Sink
    on_ambiguous: OnAmbiguous = "resend"
    in_order: bool = False


def new_entries(
    formats: Mapping[EntryKind, RequestFormat], outputs: Outputs, created: int
) -> list[NewEntry]:
    """What a commit's outputs, made at ``created`` (epoch ms), have to send to each destination."""
    return [
        NewEntry(kind, body, created)
        for kind, of in formats.items()
        for body in of.requests(outputs)
    ]
