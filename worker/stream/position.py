"""A position in a shard: how far it has been read. Pure."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Start = Literal["trim_horizon", "latest"] | int
"""Where to begin a stream without stored positions; an int is epoch milliseconds, UTC."""


class Position(NamedTuple):
    """How far one shard has been read; a consumer commits it and continues from it.

    ``value``: the last record's sequence number (after), epoch milliseconds (at_timestamp), or "".
    ``seen_to``: epoch ms; everything that arrived in the shard before it has been handed over or is
    not wanted. 0 if nothing is known. For a shard not begun it is how far its parents were read.
    A ``carrier`` is a shard of another stream, which carries records of this one; its ``seen_to``
    is the arrival of the last record that was read from it.
    """

    kind: Literal["after", "at_timestamp", "trim_horizon", "ended", "carrier", "carrier_ended"]
    value: str = ""
    seen_to: int = 0

    @property
    def started(self) -> bool:
        """Whether a record of the shard has been read, and more can follow."""
        return self.kind == "after"

    @property
    def ended(self) -> bool:
        """Whether the shard has been read to its end."""
        return self.kind in ("ended", "carrier_ended")

    @property
    def is_carrier(self) -> bool:
        """Whether the shard only carries records of others: nothing arrives in it that isn't also
        a record of one of them, so it holds no time back.
        """
        return self.kind in ("carrier", "carrier_ended")


SECOND: Final = 1000
"""Milliseconds."""

CARRIER: Final = "keyed/"
"""The prefix of the names of carriers, which no shard of a stream has."""

HEAD: Final = Position("trim_horizon")
"""The oldest record of a shard that the stream still has."""


def at_time(stamp: int, seen_to: int) -> Position:
    """Return the position of the first record that arrived at ``stamp`` or later, in whole seconds:
    the API has no finer resolution.
    """
    return Position("at_timestamp", str(stamp - stamp % SECOND), seen_to)


def carrier_at(sequence_number: str, arrival: int, *, ended: bool = False) -> Position:
    """Return the position after a record of a carrier, or at the end of the carrier."""
    return Position("carrier_ended" if ended else "carrier", sequence_number, arrival)
