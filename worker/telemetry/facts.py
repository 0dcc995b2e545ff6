"""Facts about the worker's process. Pure."""

from __future__ import annotations

from typing import NamedTuple


class ProcessFacts(NamedTuple):
    """Facts about a process; None if unknown.

    ``started_s``: its start, in seconds since the epoch; ``cpu_s``: CPU seconds of all its
    threads, user and system. Memory is in bytes.
    """

    version: str
    python: str
    started_s: float
    cpu_s: float
    resident: int | None
    virtual: int | None
    open_files: int | None
    most_files: int | None
