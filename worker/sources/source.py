"""What an engine must do to be the worker's source of records. Pure: protocols and values.

An engine may fetch records itself (``sources.kinesis`` does), or have them pushed to it by a
consumer library that also keeps checkpoints. Either way the store's positions are the truth: an
engine goes on from them, and what it keeps of its own follows ``Source.committed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from worker.sources.batch import DecodedBatch
from worker.stream.position import Position


class Source(Protocol):
    """Decoded batches of a stream. All methods are for the service's thread."""

    def start(self) -> None:
        """Begin to deliver."""
        ...

    def poll(self, timeout_s: float) -> Iterable[DecodedBatch]:
        """The batches that are ready, in each shard's order; waits up to ``timeout_s`` for one."""
        ...

    def committed(self, positions: Mapping[str, Position]) -> None:
        """These positions, and all that was read before them, are durable.

        Called after each commit with the positions that it moved, also before ``start``: a
        pushed engine acknowledges or checkpoints here, and never earlier.
        """
        ...

    def pause(self, shards: Iterable[str]) -> None:
        """Deliver nothing more of these shards, apart from what is ready or under way.

        A pushed engine that can't pause a shard holds its callback back instead.
        """
        ...

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with these shards."""
        ...

    def expired_shards(self) -> list[str]:
        """Ended shards that have left the stream, each named once: their positions can go."""
        ...

    def stop(self) -> None:
        """End delivery within about a second; harmless before ``start``."""
        ...


class Opening(NamedTuple):
    """A stream opened where a state left it.

    ``positions``: of every shard known at the start; committed before anything is read.
    """

    source: Source
    positions: Mapping[str, Position]


class Engine(Protocol):
    """A stream that can be opened."""

    @property
    def identity(self) -> str:
        """Names the stream and its creation: a state belongs to one identity for good."""
        ...

    def open(self, stored: Mapping[str, Position]) -> Opening:
        """Go on from the ``stored`` positions; if there are none, from the configured start."""
        ...
