"""Compaction of a stretch of the log: one delta instead of many, and an archive. Pure.

Only fresh segments hold closed sessions and bodies. Those that are still kept are copied, as
they are, to one archive, and never again; deltas are merged anew as the log grows, each byte a
number of times that grows with the logarithm of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from worker.partition.delta import merge, merge_all
from worker.state.s3.manifest import Extent, LogSegment, OutboxEntryRef
from worker.state.s3.segment import EvictedBlock, Footer, Segment, build_segment

LocateBlock = Callable[[bytes], Extent | None]


class CompactionInput(NamedTuple):
    """A segment of the stretch: its bytes from ``start`` on, and its tail."""

    segment: LogSegment
    start: int
    data: bytes
    footer: Footer


class Compacted(NamedTuple):
    """``moves``: of sessions in the archive the digests, and from where they were copied;
    ``bodies``: the ids of the entries whose bodies are there.
    """

    merged: Segment
    archive: Segment | None
    newest: int | None
    moves: list[tuple[bytes, Extent]]
    bodies: list[int]


def due(log: Sequence[LogSegment], commits: int, size: int) -> Sequence[LogSegment]:
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
    parts: Sequence[CompactionInput],
    *,
    from_the_first: bool,
    outbox: Sequence[OutboxEntryRef],
    locate: LocateBlock,
) -> Compacted:
    """What takes the place of ``parts``, whose first may be the first of all. ``locate`` finds
    the sessions that are still kept.
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
