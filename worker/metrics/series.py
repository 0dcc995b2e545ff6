"""Series, and the limits of their number.

A series is a metric with one set of dimension values; each costs money, and hostile or merely
varied input could create any number of them. Each dimension set, and the whole, admits a limited
number, first come first served; later ones count under ``other``.
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
    """A sample as emitted to one series; ``minute`` in epoch ms, ``value`` scaled."""

    series: Series
    minute: int
    value: int


class SeriesRules(NamedTuple):
    """``sets``: additional dimension sets by metric name; ``labels``: fixed dimensions by
    account_sid, or by account/agent on a platform that names agents, which all series of that
    account or agent carry; ``per_set`` and ``in_all``: the limits of admission.
    """

    sets: Mapping[str, tuple[tuple[str, ...], ...]] = DEFAULT_DIMENSION_SETS
    labels: Mapping[str, Mapping[str, str]] = {}
    per_set: int = 200
    in_all: int = 500
