"""The protocols of a destination: the format of its requests, and a sink that sends them.

The format is pure, so commits, replays and views of a state can use it without a connection. A
further destination is one more of these under a name of its own: its entries, its lane and its
notes in the ledger bear that name, and it receives each sample once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from worker.outbox.entries import DeliveryOutcome, EntryKind, NewEntry
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import DeadLetter

OnAmbiguous = Literal["resend", "drop"]
"""The handling of a request after an attempt with an unknown outcome."""


class Replacement(NamedTuple):
    """The replacement of a request: the ``bodies`` of smaller requests, a dead letter for the rest,
    and how many samples that rest held.
    """

    bodies: tuple[bytes, ...]
    letter: DeadLetter | None = None
    dropped: SampleCounts = ()


class RequestFormat(Protocol):
    """The format of a destination's requests. Pure: the same arguments give the same bytes."""

    def requests(self, outputs: Outputs) -> Iterable[bytes]:
        """Return complete requests for the part of a commit's outputs that this destination takes.

        All samples of a series' minute are in one request, because a request may be applied more
        than once.
        """
        ...

    def split(self, body: bytes) -> Replacement | None:
        """Split a request that is invalid as a whole: return smaller ones or, when it can't be
        split further, its dead letter. None if the request must stay as it is, and be retried.
        """
        ...

    def too_old(self, body: bytes) -> Replacement | None:
        """Replace a request that the destination has refused because all of it is too old: return
        its dead letter. None if the request must stay as it is, and be retried.
        """
        ...

    def counts(self, body: bytes) -> SampleCounts:
        """Return how many samples of each series' minute a request holds; nothing if applying it
        twice does no harm.
        """
        ...


class Sink(Protocol):
    """The connection to a destination."""

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Make one attempt; return its outcome and the reason of a failure in one line, else an
        empty text.
        """
        ...


class Destination(NamedTuple):
    """The destination of entries of one kind. ``on_ambiguous`` is ``drop`` only where samples would
    count twice. ``in_order``: whether no entry may arrive before an older one.
    """

    format: RequestFormat
    sink: Sink
    on_ambiguous: OnAmbiguous = "resend"
    in_order: bool = False


def new_entries(
    formats: Mapping[EntryKind, RequestFormat], outputs: Outputs, created: int
) -> list[NewEntry]:
    """Return the entries of a commit's outputs, created at ``created`` (epoch ms), for each
    destination.
    """
    return [
        NewEntry(kind, body, created)
        for kind, of in formats.items()
        for body in of.requests(outputs)
    ]
