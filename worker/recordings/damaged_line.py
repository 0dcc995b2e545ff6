"""Damaged lines of a recording. Pure."""

from __future__ import annotations

from typing import NamedTuple


class DamagedLine(NamedTuple):
    """A line of a recording that can't be read as a record.

    ``line`` counts from 1, blank lines included. ``data``: the line's bytes, at most 16 MiB.
    """

    shard: str
    line: int
    reason: str
    data: bytes
