"""What is known of the worker's process. Pure."""

from __future__ import annotations

from typing import NamedTuple


class ProcessFacts(NamedTuple):
    """``started_s``: when it began, in seconds since the epoch; ``cpu_s``: seconds of all its
    threads, user and system. Memory in bytes. What isn't known is None.
    """

    version: str
    python: str
    started_s: float
    cpu_s: float
    resident: int | None
    virtual: int | None
    open_files: int | None
    most_files: int | None
