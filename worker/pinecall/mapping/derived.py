"""What one log entry or frame says: events without their numbers yet. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from worker.events.pinecall.cloud_event import Basis


class Derived(NamedTuple):
    """One event. ``slot``: its place among those of its entry, the same at every reading, below
    ``SLOTS_PER_ENTRY``. ``at`` in epoch ms. ``turn``: the number of its turn, if it is known.
    """

    slot: int
    name: str
    at: int
    basis: Basis = "reported"
    turn: int | None = None
    payload: Any = None


SLOTS_PER_ENTRY = 64
"""The events of one log entry have room for so many numbers."""
