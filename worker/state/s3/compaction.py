"""Compaction of consecutive log segments: one delta instead of many, and an archive. Pure.

Only fresh segments hold closed sessions and bodies. Those that are still kept are copied unchanged
to one archive, and never again; deltas are merged again as the log grows, each byte a number of
times that grows with the logarithm of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.partition.delta import merge, merge_all
from worker.state.s3.manifest import Extent, LogSegment, OutboxEntryRef
from worker.state.s3.segment import EvictedBlock, Footer, Segment, build_segment

LocateBlock = Callable[[bytes], Extent | None]


class CompactionInput(NamedTuple):
    """A segment to be compacted: its bytes from ``start`` on, and its footer."""

    segment: LogSegment
    start: int
    data: bytes
    footer: Footer


class Compacted(NamedTuple):
    """``moves``: the digests of the sessions in the archive, and the extents they were copied from;
    ``bodies``: the ids of the entries whose bodies are in the archive.
    """

    merged: Segment
    archive: Segment | None
    newest: int | None
    moves: list[tuple[bytes, Extent]]
    bodies: list[int]


def due(log: Sequence[LogSegment], commits: int, size: int) -> Sequence[LogSegment]:
    """Return the end of the log that is to be merged: nothing before there are ``commits`` fresh
    commits, or ``size`` bytes in them; then those, and each segment before that isn't larger than
    all after it.
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
    parts: Sequence[CompactionInput],
    *,
    from_the_first: bool,
    outbox: Sequence[OutboxEntryRef],
    locate: LocateBlock,
) -> Compacted:
    """Return the replacement of ``parts``, whose first may be the first of the log. ``locate``
    finds the sessions that are still kept.
    """
    deltas = (part.footer.delta for part in parts if part.footer.delta is not None)
    delta = merge_all(deltas, "the log") if from_the_first else merge(deltas)
    by_number = {part.segment.ref.number: part for part in parts}
    entries = [one for one in outbox if one.place.number in by_number]
    bodies = [_block(by_number[one.place.number], one.place) for one in entries]
    evicted: list[EvictedBlock] = []
    moves: list[tuple[bytes, Extent]] = []
    for number, part in by_number.items():
        for extent in part.footer.evicted:
            place = Extent(number, extent.start, extent.length)
            if locate(extent.digest) == place:
                evicted.append(EvictedBlock(extent.digest, extent.closed_at, _block(part, place)))
                moves.append((extent.digest, place))
    return Compacted(
        build_segment(delta),
        build_segment(None, bodies, evicted) if bodies or evicted else None,
        max((one.closed_at for one in evicted), default=None),
        moves,
        [one.id for one in entries],
    )


def _block(part: CompactionInput, place: Extent) -> bytes:
    start = place.start - part.start
    return part.data[start : start + place.length]
