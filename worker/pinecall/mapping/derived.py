"""Events derived from a log entry or a frame, before they are numbered. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from worker.events.pinecall.cloud_event import Basis


class Derived(NamedTuple):
    """One event. ``slot``: its place among the events of its entry, the same at every reading and
    below ``SLOTS_PER_ENTRY``. ``at``: epoch ms. ``turn``: the number of its turn, if known.
    """

    slot: int
    name: str
    at: int
    basis: Basis = "reported"
    turn: int | None = None
    payload: Any = None


SLOTS_PER_ENTRY = 64
"""How many numbers are reserved for the events of one log entry."""
