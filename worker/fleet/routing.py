"""One router's run over one source shard: batches become bundles and marks. Pure.

A run begins after a checkpoint and goes on without a hole. It puts a batch's rounds one after
another, each when all of the one before has been acknowledged, and the next batch after that; so a
bucket never sees a bundle whose predecessor isn't in the keyed stream already. What a bucket has
nothing of, it learns by marks. Only what every bucket has been told may be checkpointed: then the
next run's first bundles begin after nothing that a bucket lacks.
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
"""How often marks are put."""

_LEAST_BYTES: Final = 256 << 10
"""What the places of a record's parts take at most, if nothing is left of their data."""


class BundlePut(NamedTuple):
    """A record to be put into the keyed stream, with its bucket's explicit hash key."""

    bucket: int
    data: bytes


class _Reached(NamedTuple):
    """How far a run has come; later is greater. ``step``: the number of its batches."""

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
        self._told = [self._now] * layout.buckets
        self._begun = False
        self._routed: tuple[_Reached, frozenset[int]] | None = None
        self._millis_behind = 0

    @property
    def through(self) -> str:
        """The sequence number up to which all has been acknowledged; empty at the shard's start."""
        return self._now.through

    @property
    def clock(self) -> int:
        """The time (epoch ms) up to which the shard is known; 0 if it isn't at all."""
        return self._now.clock

    @property
    def settled(self) -> str:
        """The sequence number that may be checkpointed, since all buckets have been told of all up
        to it; empty if there is none.
        """
        return self._settled.through

    @property
    def end_settled(self) -> bool:
        """Whether all buckets have been told of the shard's end, so that it may be checkpointed."""
        return self._settled.ended

    def route(
        self, records: Sequence[LeasedRecord], millis_behind: int | None = None
    ) -> list[list[BundlePut]]:
        """Return the rounds of the next records of the shard, to be put as the module says. Call
        ``acknowledged`` when they have been.

        ``millis_behind``: the distance to the shard's tip after them, if it is known. Raises
        ``ValueError`` if the batch before has not been acknowledged, whyever: what a later bundle
        says of its stretch would not be true. Such a run can't go on.
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
        """Note that all that ``route`` returned last is in the keyed stream."""
        if self._routed is None:
            return
        self._now, buckets = self._routed
        self._begun, self._routed = False, None
        for bucket in buckets:
            self._told[bucket] = self._now
        self._settle()

    def caught_up(self, clock: int) -> None:
        """Note that the shard was seen to have nothing beyond ``through`` at ``clock`` (epoch ms):
        nothing can arrive before it any more.
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

    def untold(self, bucket: int) -> SourceProgress | None:
        """Return what a mark has to tell a bucket; None if it knows."""
        told, now = self._told[bucket], self._now
        if told >= now:
            return None
        return self._progress(told, now)

    def told_all(self, reached: object) -> None:
        """Note that every bucket has been told of what ``reached`` was then."""
        if isinstance(reached, _Reached):
            self._told = [max(told, reached) for told in self._told]
            self._settle()

    @property
    def reached(self) -> object:
        """What the run has reached by now: for ``told_all``."""
        return self._now

    def _settle(self) -> None:
        self._settled = min(self._told)

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
        """Return a bucket's bundles in order, of which only the last one tells the whole batch."""
        after, found = self._told[bucket], list[bytes]()
        waiting = list(chunks(items))
        while waiting:
            chunk = waiting.pop(0)
            until = reached
            if waiting:
                until = self._now._replace(through=chunk[-1].sequence_number)
            progress = self._progress(after, until)
            if found:  # what may be trimmed before the run counts once
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
    """The marks that are due of all of a task's ``routings``: one a bucket that has to learn
    anything. They can be put beside the routings' next batches.
    """

    def __init__(self, layout: Layout, routings: Iterable[Routing]) -> None:
        self._reached = [(one, one.reached) for one in routings]
        self.puts: Final = [
            BundlePut(bucket, encode_bundle(Mark(layout.fingerprint, bucket, progress)))
            for bucket in range(layout.buckets)
            if (progress := self._untold(bucket))
        ]

    def acknowledged(self) -> None:
        """Note that all ``puts`` are in the keyed stream."""
        for routing, reached in self._reached:
            routing.told_all(reached)

    def _untold(self, bucket: int) -> list[SourceProgress]:
        return [one for routing, _ in self._reached if (one := routing.untold(bucket))]
