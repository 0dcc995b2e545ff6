"""The ledger: for each request that has ended, its sample counts and how often they may count.

A note is kept with the outcome that ends an entry, so the ledger knows what every series' minute
must amount to at a destination, and the bound A by which it may be more: the sum, over all
requests, of their counts times their attempts with an unknown outcome. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import msgspec

from worker.metrics.series import Series
from worker.partition.commit_outputs import SeriesMinute

SampleCounts = tuple[tuple[Series, int, int], ...]
"""Numbers of samples by series and minute (epoch ms); a minute may occur more than once."""

NoteKey = tuple[str, int]
"""The location of a state, and the number of an entry in it: different states reuse numbers."""

NOTES_VERSION: Final = 1

NOTES_KEPT_MS: Final = 15 * 86_400_000
"""How long notes are kept (ms), by the minutes in them, and so how far back they can be compared
with a destination.
"""


class Note(msgspec.Struct, array_like=True, frozen=True):
    """``counts``: an entry's samples by series and minute. They count at the destination that the
    entry's ``kind`` names at least ``min_count`` times (0 or 1), and at most ``max_count`` times.
    """

    entry: int
    kind: str
    min_count: int
    max_count: int
    counts: SampleCounts

    @property
    def newest(self) -> int:
        """The latest minute (epoch ms)."""
        return max(minute for _, minute, _ in self.counts)

    @property
    def bound(self) -> int:
        """A: by how many samples all of the note's minutes together may exceed their minimum."""
        return sum(count for _, _, count in self.counts) * (self.max_count - self.min_count)

    @property
    def largest(self) -> int:
        """The largest A of a single series' minute."""
        tally = tally_of([self])
        return max(one.max_count - one.min_count for one in tally.values())


class Tally(NamedTuple):
    """The least and the largest number of samples that a destination can hold of a series'
    minute.
    """

    min_count: int
    max_count: int


def tally_of(notes: Iterable[Note]) -> dict[SeriesMinute, Tally]:
    """Return the sums of notes of one destination, by series and minute."""
    tally: dict[SeriesMinute, Tally] = {}
    for note in notes:
        for series, minute, count in note.counts:
            min_count, max_count = tally.get((series, minute), (0, 0))
            tally[series, minute] = Tally(
                min_count + count * note.min_count, max_count + count * note.max_count
            )
    return tally


def encode_notes(notes: Iterable[Note]) -> bytes:
    """Return notes as bytes: the version in one byte, then the notes (msgpack)."""
    return _PREFIX + _ENCODER.encode(list(notes))


def decode_notes(data: bytes) -> list[Note]:
    """Return the notes that these bytes encode. Raises ``msgspec.DecodeError`` if they aren't notes
    of a version that this release reads.
    """
    version = data[0] if data else 0
    read = _READERS.get(version)
    if read is None:
        raise msgspec.DecodeError(f"of version {version}, this release reads {_KNOWN}")
    return read(memoryview(data)[1:])


_PREFIX: Final = bytes([NOTES_VERSION])
_ENCODER: Final = msgspec.msgpack.Encoder()
_READERS: Final[dict[int, Callable[[memoryview], list[Note]]]] = {
    1: msgspec.msgpack.Decoder(list[Note]).decode
}
"""Decoders by version. A release that writes version N keeps the decoder of N-1, converting to
N.
"""

_KNOWN: Final = " and ".join(map(str, _READERS))
