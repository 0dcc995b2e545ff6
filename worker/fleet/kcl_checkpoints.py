"""The names of checkpoints, and of their errors, in the Kinesis Client Library. Pure."""

from __future__ import annotations

from typing import Final

LEASE_GONE: Final = "ShutdownException"
"""The error of a checkpoint by a process that holds the lease no more."""

PASSING: Final = frozenset({"ThrottlingException", "KinesisClientLibDependencyException"})
"""Errors of a checkpoint after which another attempt may succeed."""

CHECKPOINT_ATTEMPTS: Final = 6
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
"""The longest wait between two attempts."""

_NOTHING_YET: Final = frozenset({"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "SHARD_END", ""})
"""Checkpoints that aren't sequence numbers."""


def begun_after(checkpoint: str | None) -> str | None:
    """Return the sequence number of a lease's checkpoint; None if it is none."""
    return None if checkpoint in _NOTHING_YET else checkpoint
