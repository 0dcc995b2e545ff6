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
    """

    kind: Literal["after", "at_timestamp", "trim_horizon", "ended"]
    value: str = ""
    seen_to: int = 0

    @property
    def started(self) -> bool:
        """Whether a record of the shard has been read, and more can follow."""
        return self.kind == "after"

    @property
    def ended(self) -> bool:
        """Whether the shard has been read to its end."""
        return self.kind == "ended"


SECOND: Final = 1000
"""Milliseconds."""

HEAD: Final = Position("trim_horizon")
"""The oldest record of a shard that the stream still has."""


def at_time(stamp: int, seen_to: int) -> Position:
    """Return the position of the first record that arrived at ``stamp`` or later, in whole seconds:
    the API has no finer resolution.
    """
    return Position("at_timestamp", str(stamp - stamp % SECOND), seen_to)
