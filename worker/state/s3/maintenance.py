"""Compaction and sweeping of a state in a bucket, beside its owner's commits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from worker.errors import CorruptState
from worker.objectstore.parallel import each
from worker.objectstore.retrying import Access
from worker.state.s3.compaction import Compacted, CompactionInput, compacted, due
from worker.state.s3.index import EvictedIndex
from worker.state.s3.manifest import SEGMENTS, Archive, Extent, LogSegment
from worker.state.s3.ownership import Ownership, corrupt
from worker.state.s3.segment import read_footer


class MaintenanceSchedule(NamedTuple):
    """The schedule of compaction, after this many ``commits`` or ``size`` bytes in them, and of
    sweeps, at every ``sweep_every``-th call. A sweep deletes what it and the one before found
    unnamed, so an outside reader has the time between two sweeps to read what its manifest names.
    """

    commits: int = 64
    size: int = 8_000_000
    sweep_every: int = 10


class Maintainer:
    """Compacts and sweeps. ``maintain`` is for one thread at a time. ``readers``: segments read at
    once.
    """

    def __init__(
        self, access: Access, owner: Ownership, schedule: MaintenanceSchedule, readers: int
    ) -> None:
        self._access = access
        self._owner = owner
        self._schedule = schedule
        self._readers = readers
        self._calls = 0
        self._unnamed: set[str] = set()

    def maintain(self, index: EvictedIndex) -> None:
        """Compact and sweep if they are due."""
        log = self._owner.manifest.log
        segment = due(log, self._schedule.commits, self._schedule.size)
        if segment:
            self._compact(segment, index, from_the_first=segment[0] == log[0])
        self._calls += 1
        if self._calls % self._schedule.sweep_every == 0:
            self._sweep()

    def _compact(
        self, segment: Sequence[LogSegment], index: EvictedIndex, *, from_the_first: bool
    ) -> None:
        parts = each(self._part, segment, self._readers)
        outbox = self._owner.manifest.outbox
        result = compacted(parts, from_the_first=from_the_first, outbox=outbox, locate=index.find)
        with ExitStack() as written, ExitStack() as locked:
            merged = written.enter_context(self._owner.written(result.merged))
            archive = None
            if result.archive is not None:
                ref = written.enter_context(self._owner.written(result.archive))
                archive = Archive(ref, result.newest)
            bodies, evicted = _places(result, archive)
            locked.enter_context(self._owner.lock)
            manifest, nonce = self._owner.manifest, self._owner.nonce()
            self._owner.swap(manifest.compacted(nonce, segment, merged, archive, bodies))
            index.move(evicted)
        index.prune()

    def _part(self, segment: LogSegment) -> CompactionInput:
        ref = segment.ref
        start = 0 if segment.fresh else ref.footer
        data = self._access.read_range(ref.name, start, ref.size - start)
        if data is None:
            raise self._owner.missing(ref.name)
        try:
            return CompactionInput(segment, start, data, read_footer(data[ref.footer - start :]))
        except CorruptState as error:
            raise corrupt(self._access.url, self._owner.manifest, ref.name, error) from error

    def _sweep(self) -> None:
        """Delete what this sweep and the one before found unnamed.

        Ownership is confirmed after the listing, so that everything listed is this owner's or an
        earlier one's, and what these don't name by now will never be named.
        """
        listed = set(self._access.keys(SEGMENTS))
        with self._owner.lock:
            self._owner.confirm()
            unnamed = listed - self._owner.live()
        for name in sorted(unnamed & self._unnamed):
            self._access.delete(name)
        self._unnamed = unnamed


def _places(
    result: Compacted, archive: Archive | None
) -> tuple[dict[int, Extent], list[tuple[bytes, Extent, Extent]]]:
    """Return where the archive has bodies, by entry, and where sessions moved from and to."""
    if archive is None or result.archive is None:
        return {}, []
    number = archive.ref.number
    bodies = {
        id_: Extent(number, *extent)
        for id_, extent in zip(result.bodies, result.archive.bodies, strict=True)
    }
    evicted = [
        (key, old, Extent(number, extent.start, extent.length))
        for (key, old), extent in zip(result.moves, result.archive.evicted, strict=True)
    ]
    return bodies, evicted
