"""Thresholds from what a deployment usually does. Pure.

A threshold is what 99 of 100 usual periods stay below, and a tenth more. So a deployment that is
slow by its nature doesn't cry every day, and one that is fast notices when it no longer is.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final, NamedTuple

from worker.monitoring.alarms import SAMPLES_AT_LEAST

PERIODS_AT_LEAST: Final = 100
"""Periods with enough samples: with fewer, what is usual is not known."""

_USUAL_PERCENT: Final = 99
_MARGIN: Final = 1.1
_STEP_MS: Final = 10


class BaselinePeriod(NamedTuple):
    """What one period of an alarm's length was like: its samples, and the percentile in ms."""

    samples: float
    percentile: float


def threshold(periods: Iterable[BaselinePeriod]) -> int | None:
    """In ms; None if too few of the periods have as many samples as the alarm asks for."""
    usual = sorted(one.percentile for one in periods if one.samples >= SAMPLES_AT_LEAST)
    if len(usual) < PERIODS_AT_LEAST:
        return None
    rank = -(-len(usual) * _USUAL_PERCENT // 100)
    return ceil(round(usual[rank - 1] * _MARGIN / _STEP_MS, 6)) * _STEP_MS
