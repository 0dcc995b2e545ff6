"""Thresholds from a deployment's own history. Pure.

A threshold is the 99th percentile of past periods plus a tenth. So a deployment that is always
slow doesn't raise an alarm every day, and a fast one notices when it becomes slow.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final, NamedTuple

from worker.monitoring.alarms import SAMPLES_AT_LEAST

PERIODS_AT_LEAST: Final = 100
"""The least number of periods with enough samples; with fewer there is no baseline."""

_USUAL_PERCENT: Final = 99
_MARGIN: Final = 1.1
_STEP_MS: Final = 10


class BaselinePeriod(NamedTuple):
    """A past period of an alarm's length: its number of samples, and the percentile in ms."""

    samples: float
    percentile: float


def threshold(periods: Iterable[BaselinePeriod]) -> int | None:
    """The threshold in ms; None if too few periods have the samples that the alarm requires."""
    usual = sorted(one.percentile for one in periods if one.samples >= SAMPLES_AT_LEAST)
    if len(usual) < PERIODS_AT_LEAST:
        return None
    rank = -(-len(usual) * _USUAL_PERCENT // 100)
    return ceil(round(usual[rank - 1] * _MARGIN / _STEP_MS, 6)) * _STEP_MS
