"""Samples: what events give to the metrics, before anyone decides where it is told."""

from __future__ import annotations

import msgspec

from worker.sessions.context import Context


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One sample: ``value`` in the metric's scaled integers, at the event's epoch ms.

    ``own`` is the value of the metric's own dimension, if it has one.
    """

    metric: str
    time: int
    value: int
    own: str | None
    context: Context
