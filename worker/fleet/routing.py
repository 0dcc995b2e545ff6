"""One router's run over one source shard: batches become bundles and marks. Pure.

A run begins after a checkpoint and continues without a gap. It puts a batch's rounds one after
another, each once the one before is acknowledged, and then the next batch; so a bucket never sees a
bundle whose predecessor isn't in the keyed stream already. Marks report stretches without items.
Only progress that is reported to every bucket may be checkpointed: then no bucket lacks items
before the next run's first bundles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from worker.events.decode import PLATFORMS
from worker.events.platform import Platforms
from worker.fleet.bundles import (
    Bundle,
    BundleItem,
    Mark,
    SourceProgress,
    bundle_compressor,
    encode_bundle,
)
from worker.fleet.chunks import chunks, shortened
from worker.fleet.keys import items_by_bucket
from worker.fleet.layout import Layout
from worker.fleet.processor import LeasedRecord

BUNDLE_BYTES: Final = (1 << 20) - 256
"""The most bytes that a bundle may have, unless the keyed stream takes larger records than 1 MiB:
its partition key counts, too.
"""

MARK_EVERY_S: Final = 1.0
"""The period (s) of marks."""

_LEAST_BYTES: Final = 256 << 10
"""The most bytes of a record's parts once all their data is cut: those of their places."""


class BundlePut(NamedTuple):
    """A record to be put into the keyed stream, with its bucket's explicit hash key."""

    bucket: int
    data: bytes


class _Reached(NamedTuple):
    """A run's progress; later is greater. ``step``: the number of its batches."""

    step: int
    ended: bool
    clock: int
    through: str
    children: tuple[str, ...] = ()


class Routing:
    """A run over ``shard`` from a checkpoint. ``after``: the checkpoint's sequence number, None at
    the shard's start. ``horizon``: epoch ms before which the stream may have dropped records when
    the run begins; 0 if it is younger than its retention. ``most_bytes``: the largest bundle, at
    least 256 KiB. Not thread-safe.
    """

    def __init__(
        self,
        layout: Layout,
        shard: str,
        after: str | None,
        horizon: int = 0,
        most_bytes: int = BUNDLE_BYTES,
        platforms: Platforms = PLATFORMS,
    ) -> None:
        if most_bytes < _LEAST_BYTES:
            raise ValueError(f"most_bytes: {most_bytes}, less than {_LEAST_BYTES}")
        self._layout = layout
        self._shard = shard
        self._horizon = horizon
        self._platforms = platforms
        self._most_bytes = most_bytes
        self._compressor = bundle_compressor()
        self._now = self._settled = _Reached(0, ended=False, clock=0, through=after or "")
        self._reported = [self._now] * layout.buckets
        self._begun = False
        self._routed: tuple[_Reached, frozenset[int]] | None = None
        self._millis_behind = 0

    @property
    def through(self) -> str:
        """The sequence number up to which all is acknowledged; empty at the shard's start."""
        return self._now.through

    @property
    def clock(self) -> int:
        """The time (epoch ms) up to which the shard is read; 0 if unknown."""
        return self._now.clock

    @property
    def settled(self) -> str:
        """The sequence number that may be checkpointed, since the progress up to it is reported to
        all buckets; empty if there is none.
        """
        return self._settled.through

    @property
    def end_settled(self) -> bool:
        """Whether the shard's end is reported to all buckets, so that it may be checkpointed."""
        return self._settled.ended

    def route(
        self, records: Sequence[LeasedRecord], millis_behind: int | None = None
    ) -> list[list[BundlePut]]:
        """Return the rounds of the next records of the shard, to be put as the module says. Call
        ``acknowledged`` when they have been.

        ``millis_behind``: the distance to the shard's tip after them, if known. Raises
        ``ValueError`` if the batch before is not acknowledged, for whatever reason: a later
        bundle's statement about its stretch would be false. Such a run can't continue.
        """
        if self._begun:
            raise ValueError("the batch before has not been acknowledged")
        self._millis_behind = millis_behind or 0
        if not records:
            return []
        self._begun = True
        clock = max(self._now.clock, max(one.record.arrival for one in records))
        through = records[-1].record.sequence_number
        reached = _Reached(self._now.step + 1, ended=False, clock=clock, through=through)
        rounds: list[list[BundlePut]] = []
        found = items_by_bucket(records, self._layout, self._platforms)
        for bucket, items in found.items():
            for number, data in enumerate(self._bundles(bucket, items, reached)):
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(BundlePut(bucket, data))
        self._routed = reached, frozenset(found)
        return rounds

    def acknowledged(self) -> None:
        """Note that all records that ``route`` returned last are in the keyed stream."""
        if self._routed is None:
            return
        self._now, buckets = self._routed
        self._begun, self._routed = False, None
        for bucket in buckets:
            self._reported[bucket] = self._now
        self._settle()

    def caught_up(self, clock: int) -> None:
        """Note that the shard was seen to have no records beyond ``through`` at ``clock`` (epoch
        ms): no record can arrive before that time any more.
        """
        if not (self._begun or self._now.ended) and clock > self._now.clock:
            self._now = self._now._replace(clock=clock)
            self._millis_behind = 0

    def end(self, children: Iterable[str]) -> None:
        """Note that the shard has been read to its end, and its child shards. Raises
        ``ValueError`` as ``route`` does.
        """
        if self._begun:
            raise ValueError("the batch before has not been acknowledged")
        if not self._now.ended:
            step = self._now.step + 1
            self._now = self._now._replace(step=step, ended=True, children=tuple(children))

    def unreported(self, bucket: int) -> SourceProgress | None:
        """Return the progress that a mark has to report to a bucket; None if there is none."""
        reported, now = self._reported[bucket], self._now
        if reported >= now:
            return None
        return self._progress(reported, now)

    def reported_to_all(self, reached: object) -> None:
        """Note that the progress ``reached`` is reported to every bucket."""
        if isinstance(reached, _Reached):
            self._reported = [max(one, reached) for one in self._reported]
            self._settle()

    @property
    def reached(self) -> object:
        """The run's present progress, for ``reported_to_all``."""
        return self._now

    def _settle(self) -> None:
        self._settled = min(self._reported)

    def _progress(self, after: _Reached, reached: _Reached) -> SourceProgress:
        return SourceProgress(
            self._shard,
            after.through,
            reached.through,
            reached.clock,
            self._millis_behind,
            reached.ended,
            reached.children,
            self._horizon if after.step == 0 else 0,
        )

    def _bundles(self, bucket: int, items: list[BundleItem], reached: _Reached) -> list[bytes]:
        """Return a bucket's bundles in order; only the last one reports the whole batch."""
        after, found = self._reported[bucket], list[bytes]()
        waiting = list(chunks(items))
        while waiting:
            chunk = waiting.pop(0)
            until = reached
            if waiting:
                until = self._now._replace(through=chunk[-1].sequence_number)
            progress = self._progress(after, until)
            if found:  # records trimmed before the run count once
                progress = replace(progress, horizon=0)
            data = self._encoded(bucket, progress, chunk)
            if len(data) > self._most_bytes:
                waiting[:0] = shortened(chunk)
                continue
            found.append(data)
            after = until
        return found

    def _encoded(self, bucket: int, progress: SourceProgress, items: list[BundleItem]) -> bytes:
        bundle = Bundle(self._layout.fingerprint, bucket, progress, items)
        return encode_bundle(bundle, self._compressor)


class Marks:
    """The due marks of all of a task's ``routings``: one per bucket with unreported progress. They
    can be put while the routings' next batches are.
    """

    def __init__(self, layout: Layout, routings: Iterable[Routing]) -> None:
        self._reached = [(one, one.reached) for one in routings]
        self.puts: Final = [
            BundlePut(bucket, encode_bundle(Mark(layout.fingerprint, bucket, progress)))
            for bucket in range(layout.buckets)
            if (progress := self._unreported(bucket))
        ]

    def acknowledged(self) -> None:
        """Note that all ``puts`` are in the keyed stream."""
        for routing, reached in self._reached:
            routing.reported_to_all(reached)

    def _unreported(self, bucket: int) -> list[SourceProgress]:
        return [one for routing, _ in self._reached if (one := routing.unreported(bucket))]
