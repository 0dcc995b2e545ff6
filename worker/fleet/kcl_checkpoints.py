"""Checkpoints of the Kinesis Client Library: their names, errors, and further attempts. Shell.

A checkpoint only spares the next owner records that were read before, so after a passing failure it
is left to the next checkpoint: a processor that waited for the table would stand still with it. A
shard's end has no next checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Final

from worker.backoff import full_jitter
from worker.errors import Unreachable, VoiceInsightsError
from worker.fleet.processor import Checkpointed, Checkpointer

Attempt = Callable[[str | None], str | None]
"""Checkpoints once, after a sequence number; returns the name of the error, or None."""

_LEASE_GONE: Final = "ShutdownException"
_PASSING: Final = frozenset({"ThrottlingException", "KinesisClientLibDependencyException"})
"""Passing errors: another attempt may succeed."""

_ATTEMPTS: Final = 6
_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 2.0

_NOTHING_YET: Final = frozenset({"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "SHARD_END", ""})
"""Checkpoints that aren't sequence numbers."""


def begun_after(checkpoint: str | None) -> str | None:
    """Return the sequence number of a lease's checkpoint; None if it has none."""
    return None if checkpoint in _NOTHING_YET else checkpoint


def checkpointer(engine: str, attempt: Attempt, random: Callable[[], float]) -> Checkpointer:
    """Return a checkpointer that calls ``attempt``. ``engine``: the engine's name in errors."""

    def checkpoint(sequence: str | None = None) -> Checkpointed:
        for number in range(_ATTEMPTS):
            error = attempt(sequence)
            if error is None:
                return Checkpointed.MADE
            if error == _LEASE_GONE:
                return Checkpointed.LEASE_GONE
            if error not in _PASSING:
                raise VoiceInsightsError(f"{engine} refuses a checkpoint: {error}")
            if sequence is not None:
                return Checkpointed.DEFERRED
            sleep(full_jitter(_FIRST_WAIT_S, _LONGEST_WAIT_S, number, random))
        raise Unreachable(f"the table of leases can't be written: {error}")

    return checkpoint
