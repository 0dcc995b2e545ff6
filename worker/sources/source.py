"""A batch of a shard as the service takes it in: its records decoded. Shell, for its reader's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from worker.events.decode import Delivery
from worker.stream.position import Position


class Intake(msgspec.Struct, frozen=True):
    """What a ``Batch`` brought: of so many ``records`` the ``deliveries``, all else as there."""

    shard: str
    records: int
    deliveries: list[Delivery]
    position: Position
    clock: int | None
    millis_behind: int
    gap: bool
    children: dict[str, Position]

    @property
    def ended(self) -> bool:
        """Whether this is the shard's last batch."""
        return self.position.ended


class Source(Protocol):
    """Where batches come from, decoded. Its methods are for the service's thread."""

    def start(self) -> None:
        """Begin to fetch."""
        ...

    def take(self, timeout_s: float) -> Iterable[Intake]:
        """What has been fetched, waiting up to ``timeout_s`` for something."""
        ...

    def pause(self, shards: Iterable[str]) -> None:
        """Fetch nothing more of these shards."""
        ...

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with these shards."""
        ...

    def forgotten(self) -> list[str]:
        """Ended shards that have left the stream, each told once."""
        ...

    def stop(self) -> None:
        """End all fetching, soon."""
        ...
