"""The protocols that an engine implements to be the worker's source of records. Pure.

An engine may fetch records itself (as ``sources.kinesis`` does), or have them pushed to it by a
consumer library that also keeps checkpoints. Either way the store's positions are authoritative: an
engine continues from them, and its own checkpoints follow ``Source.committed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from worker.sources.batch import DecodedBatch
from worker.stream.position import Position


class Source(Protocol):
    """Decoded batches of a stream. All methods are called by the service's thread."""

    def start(self) -> None:
        """Begin delivery."""
        ...

    def poll(self, timeout_s: float) -> Iterable[DecodedBatch]:
        """Return the batches that are ready, in each shard's order; wait up to ``timeout_s`` for
        one.
        """
        ...

    def committed(self, positions: Mapping[str, Position]) -> None:
        """Note that these positions, and everything read before them, are durable.

        Called after each commit with the positions that it moved, also before ``start``: a pushed
        engine acknowledges or checkpoints here, and never earlier.
        """
        ...

    def pause(self, shards: Iterable[str]) -> None:
        """Deliver nothing more of these shards, apart from what is ready or in flight.

        A pushed engine that can't pause a shard blocks in its callback instead.
        """
        ...

    def resume(self, shards: Iterable[str]) -> None:
        """Continue with these shards."""
        ...

    def expired_shards(self) -> list[str]:
        """Return ended shards that have left the stream, each once: their positions can be
        dropped.
        """
        ...

    def stop(self) -> None:
        """Stop delivery within about a second; harmless before ``start``."""
        ...


class Opening(NamedTuple):
    """A stream opened at a state's positions.

    ``positions``: those of every shard known at the start; to be committed before anything is read.
    """

    source: Source
    positions: Mapping[str, Position]


class Engine(Protocol):
    """A stream that can be opened."""

    @property
    def identity(self) -> str:
        """The name of the stream and its creation: a state belongs to one identity for good."""
        ...

    def open(self, stored: Mapping[str, Position]) -> Opening:
        """Continue from the ``stored`` positions; if there are none, begin at the configured
        start.
        """
        ...
