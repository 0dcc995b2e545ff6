"""Instruments: the metrics of calls as histograms and counters in base units. Pure.

CloudWatch's units and names are the catalogue's. The rest of the world counts in base units:
seconds, ratios. An instrument follows from the metric's unit, so a new latency or count needs no
entry here; the tables name only metrics whose samples are numbers other than 1 per occurrence.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Literal, NamedTuple

from worker.metrics.catalogue import CATALOGUE, MILLISECONDS, Metric

InstrumentKind = Literal["histogram", "counter"]


class Instrument(NamedTuple):
    """``name``: snake case, without a prefix or a unit. ``unit``: the base unit, as in UCUM.

    ``divisor``: integer samples per base unit. ``bounds``: ascending upper bounds, inclusive, in
    integer samples, at which a histogram's counts are exact; empty for a counter. A counter's
    value is the sum of its samples.
    """

    name: str
    kind: InstrumentKind
    unit: str
    divisor: int
    bounds: tuple[int, ...]

    @property
    def is_histogram(self) -> bool:
        """Whether samples are distributed over buckets."""
        return self.kind == "histogram"


LATENCY_BOUNDS: Final = (
    *(50, 100, 250, 350, 375, 500, 750, 885),
    *(1_100, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000),
)
"""Milliseconds; among them all of Twilio's targets, so the share within a target is exact."""

_DELIVERY_BOUNDS: Final = (
    *(100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000),
    *(60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 14_400_000),
)
_DURATION_BOUNDS: Final = (10, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 7_200, 14_400)
_FEW: Final = (0, 1, 2, 3, 5, 10, 20, 50, 100)
_REPLY: Final = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1_000)
_SESSION: Final = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_RATE: Final = (1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 500)

_NUMBERS: Final[dict[str, tuple[int, ...]]] = {
    "Tokens": _REPLY,
    "Words": _REPLY,
    "TokensPerSession": _SESSION,
    "InterruptionsPerSession": _FEW,
    "TurnsPerSession": _FEW,
    "MissingEvents": _FEW,
}
"""Metrics of the unit Count of which a sample is a number, and not 1 for one occurrence."""


@cache
def instrument_of(metric: str) -> Instrument:
    """The instrument of a metric in the catalogue. Raises ``KeyError`` for any other name."""
    return _instrument(CATALOGUE[metric])


def _instrument(metric: Metric) -> Instrument:
    name = _snake(metric.name)
    if metric.unit == MILLISECONDS:
        bounds = _DELIVERY_BOUNDS if metric.name == "DeliveryDelay" else LATENCY_BOUNDS
        return Instrument(name, "histogram", "s", 1000 * metric.scale, bounds)
    if metric.unit == "Seconds":
        return Instrument(name, "histogram", "s", metric.scale, _DURATION_BOUNDS)
    if metric.unit == "Percent":
        tenths = tuple(10 * metric.scale * tenth for tenth in range(1, 11))
        return Instrument(name, "histogram", "1", 100 * metric.scale, tenths)
    if metric.unit == "Count/Second":
        rates = tuple(rate * metric.scale for rate in _RATE)
        return Instrument(name, "histogram", "1/s", metric.scale, rates)
    numbers = _NUMBERS.get(metric.name)
    if numbers is None:
        return Instrument(name, "counter", "1", metric.scale, ())
    return Instrument(name, "histogram", "1", metric.scale, numbers)


def _snake(name: str) -> str:
    """``CallerWait`` is ``caller_wait``; a latency is what its unit says, so the word is left out:
    ``SttLatency`` is ``stt``.
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Latency")).lower()
