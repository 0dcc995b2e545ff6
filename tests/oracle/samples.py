"""What a walk through a session finds and remembers."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tests.oracle.decoding import Event


class Sample(NamedTuple):
    """``value`` as measured, before any scale. ``own``: the metric's own dimension, if any."""

    metric: str
    value: Fraction
    event: Event
    own: tuple[str, str] | None


class Speech(NamedTuple):
    """A stretch of speech with a known start, epoch ms."""

    start: int
    end: int


class Wait(NamedTuple):
    """``W``: since when the caller waits, and the event with which the wait's span begins."""

    since: int
    span: Event
