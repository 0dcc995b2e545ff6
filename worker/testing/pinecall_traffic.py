"""Simulated calls of Pinecall, as the events that the bridge puts onto a stream."""

from __future__ import annotations

from random import Random
from typing import Final

from worker.events.pinecall.cloud_event import encode_event
from worker.pinecall.mapping.call_log import CallMapping
from worker.testing.habits import Habits
from worker.testing.pinecall_call import pinecall_call

SIMULATED_ACCOUNT: Final = "simulated"


def pinecall_events(rng: Random, habits: Habits, start_ms: int) -> list[tuple[int, bytes]]:
    """The events of one call that starts at an instant (epoch ms), each with when the entry was
    written that it comes from.
    """
    call = pinecall_call(rng, habits, start_ms)
    mapping = CallMapping(SIMULATED_ACCOUNT, call.call)
    return [
        (int(entry["ts"] * 1000), encode_event(event))
        for entry in call.entries
        for event in mapping.read(entry)
    ]
