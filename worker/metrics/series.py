"""Which series a sample belongs to, and how many there may be.

A series is a metric with one set of dimension values; each costs money, and a hostile or
merely colourful input could make any number of them. Per dimension set and in all, only so
many are admitted, first come first served; what comes later counts under ``other``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS


class Series(NamedTuple):
    """A metric's name and its dimensions, by name in ascending order."""

    metric: str
    dimensions: tuple[tuple[str, str], ...]


class EmittedSample(NamedTuple):
    """A sample as it is told to one series; ``minute`` in epoch ms, ``value`` scaled."""

    series: Series
    minute: int
    value: int


class SeriesRules(NamedTuple):
    """``sets``: further dimension sets by metric name; ``labels``: fixed dimensions by
    account_sid, which all series of that account carry; the rest are caps on admission.
    """

    sets: Mapping[str, tuple[tuple[str, ...], ...]] = DEFAULT_DIMENSION_SETS
    labels: Mapping[str, Mapping[str, str]] = {}
    per_set: int = 200
    in_all: int = 500
