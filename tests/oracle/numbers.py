"""Rounding, distributions and times as the record writes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.samples import Sample

SCALES = {"TokensPerSecond": 1000, "AgentTalkShare": 100}


def half_up(value: Fraction, scale: int) -> Fraction:
    return Fraction(math.floor(value * scale + Fraction(1, 2)), scale)


def published(metric: str, value: Fraction) -> Fraction:
    return half_up(value, SCALES.get(metric, 1))


def plain(value: Fraction) -> float | int:
    return value.numerator if value.denominator == 1 else float(value)


def values_of(samples: list[Sample], metric: str) -> list[Fraction]:
    return [published(metric, sample.value) for sample in samples if sample.metric == metric]


def distribution(samples: list[Sample], metric: str) -> dict[str, Any] | None:
    values = sorted(values_of(samples, metric))
    if not values:
        return None
    n = len(values)

    def percentile(p: int) -> float | int:
        return plain(values[math.ceil(Fraction(p * n, 100)) - 1])

    return {
        "count": n,
        "min": plain(values[0]),
        "max": plain(values[-1]),
        "avg": plain(half_up(sum(values, Fraction(0)) / n, 1000)),
        "p50": percentile(50),
        "p90": percentile(90),
        "p95": percentile(95),
        "p99": percentile(99),
    }


def iso(ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
