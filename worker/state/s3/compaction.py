"""Compaction of a stretch of the log: one delta instead of many, and an archive. Pure.

Only fresh segments hold closed sessions and bodies. Those that are still kept are copied, as
they are, to one archive, and never again; deltas are merged anew as the log grows, each byte a
number of times that grows with the logarithm of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.partition.delta import merge, merge_all
from worker.state.s3.manifest import Held, Place, Stretch
from worker.state.s3.segment import PackedPiece, Segment, Tail, build

Locate = Callable[[bytes], Place | None]


class Part(NamedTuple):
    """A segment of the stretch: its bytes from ``start`` on, and its tail."""

    stretch: Stretch
    start: int
    data: bytes
    tail: Tail


class Compacted(NamedTuple):
    """``moves``: of sessions in the archive the digests, and from where they were copied;
    ``bodies``: the ids of the entries whose bodies are there.
    """

    merged: Segment
    archive: Segment | None
    newest: int | None
    moves: list[tuple[bytes, Place]]
    bodies: list[int]


def due(log: Sequence[Stretch], commits: int, size: int) -> Sequence[Stretch]:
    """The end of the log that is to be merged: none of it before so many fresh commits have
    come, or so many bytes in them; then with them whatever isn't larger than all after it.
    """
    start = len(log)
    while start and log[start - 1].fresh:
        start -= 1
    fresh = log[start:]
    if len(fresh) < commits and sum(one.ref.size for one in fresh) < size:
        return ()
    weight = sum(one.weight for one in fresh)
    while start and log[start - 1].weight <= weight:
        start -= 1
        weight += log[start].weight
    return log[start:] if len(log) - start > 1 else ()


def compacted(
    parts: Sequence[Part], *, from_the_first: bool, outbox: Sequence[Held], locate: Locate
) -> Compacted:
    """What takes the place of ``parts``, whose first may be the first of all. ``locate`` finds
    the sessions that are still kept.
    """
    deltas = (part.tail.delta for part in parts if part.tail.delta is not None)
    delta = merge_all(deltas, "the log") if from_the_first else merge(deltas)
    by_number = {part.stretch.ref.number: part for part in parts}
    entries = [one for one in outbox if one.place.number in by_number]
    bodies = [_piece(by_number[one.place.number], one.place) for one in entries]
    packed: list[PackedPiece] = []
    moves: list[tuple[bytes, Place]] = []
    for number, part in by_number.items():
        for spot in part.tail.packed:
            place = Place(number, spot.start, spot.length)
            if locate(spot.digest) == place:
                packed.append(PackedPiece(spot.digest, spot.closed_at, _piece(part, place)))
                moves.append((spot.digest, place))
    return Compacted(
        build(delta),
        build(None, bodies, packed) if bodies or packed else None,
        max((one.closed_at for one in packed), default=None),
        moves,
        [one.id for one in entries],
    )


def _piece(part: Part, place: Place) -> bytes:
    start = place.start - part.start
    return part.data[start : start + place.length]
