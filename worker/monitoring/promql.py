"""Statistics of metrics as PromQL. Pure.

Series are added up by job, and those of calls by platform, too: what two platforms call by one
name differs. Series without a platform are those of the platform that has no label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from worker.metrics.instruments import instrument_of
from worker.monitoring.deployment import Deployment, MetricQuery, Of
from worker.telemetry.calls import CallFamily, families_of
from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind
from worker.telemetry.families import labels_of

CALLS_BY: Final = ("job", "platform")
WORKER_BY: Final = ("job",)

_PERCENTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)")
_WITHIN: Final = re.compile(r"PR\(:(\d+)\)")
_HOUR_S: Final = 3600
_MINUTE_S: Final = 60


def duration(seconds: int) -> str:
    """A length of time as Prometheus writes it."""
    for unit_s, unit in ((_HOUR_S, "h"), (_MINUTE_S, "m")):
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{unit}"
    return f"{seconds}s"


def statistic(
    deployment: Deployment, metric: MetricQuery, window: str, by: Iterable[str] = ()
) -> str:
    """The metric's statistic over a ``window`` (a range, such as ``5m``), in base units; ``by``:
    further labels by which to tell it. Raises ``KeyError`` for a metric of the stream, which only
    CloudWatch has.
    """
    if metric.of is Of.WORKER:
        return _of_worker(metric.name, window)
    if metric.of is Of.STREAM:
        raise KeyError(metric.name)
    family = family_of(deployment, metric)
    name = family.sampled_name
    labels = matchers(deployment, metric)
    groups = ", ".join((*CALLS_BY, *by))
    if found := _PERCENTILE.fullmatch(metric.statistic):
        buckets = f"sum by ({groups}, le) (rate({name}_bucket{labels}[{window}]))"
        return f"histogram_quantile({float(found[1]) / 100:g}, {buckets})"
    if found := _WITHIN.fullmatch(metric.statistic):
        bound = bound_of(metric.name, int(found[1]))
        within = matchers(deployment, metric, {"le": bound})
        return (
            f"100 * sum by ({groups}) (rate({name}_bucket{within}[{window}]))"
            f" / sum by ({groups}) (rate({name}_count{labels}[{window}]))"
        )
    if instrument_of(metric.name).is_histogram:
        name += "_count" if metric.statistic == "SampleCount" else "_sum"
    return f"sum by ({groups}) (increase({name}{labels}[{window}]))"


def family_of(deployment: Deployment, metric: MetricQuery) -> CallFamily:
    """The family with the metric's dimensions, or the one with its plain name, whose sum it is."""
    names = tuple(sorted(name for name, _ in metric.dimensions))
    families = families_of(metric.name, deployment.rules.series.sets)
    return next((one for one in families if one.dimensions == names), families[0])


def bound_of(metric: str, sample: int) -> str:
    """An explicit bound of a metric's histogram, by the greatest integer sample within, as the
    label ``le`` has it. Raises ``ValueError`` for what is none.
    """
    instrument = instrument_of(metric)
    if sample not in instrument.bounds:
        raise ValueError(f"{sample} is no bound of {metric}")
    return str(sample / instrument.divisor)


def matchers(deployment: Deployment, metric: MetricQuery, more: Mapping[str, str] = {}) -> str:
    """The labels that a series must have, in braces; nothing where any will do."""
    labels = {**labels_of(metric.all_dimensions(deployment)), **more}
    inside = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def threshold_of(metric: MetricQuery, threshold: int) -> str:
    """A threshold in the metric's CloudWatch unit, in base units."""
    if metric.of is Of.WORKER:
        return _number(threshold / TELEMETRY_METRICS[metric.name].prometheus_divisor)
    instrument = instrument_of(metric.name)
    return _number(threshold / (instrument.divisor if instrument.unit == "s" else 1))


def _of_worker(name: str, window: str) -> str:
    own = TELEMETRY_METRICS[name]
    by = ", ".join(WORKER_BY)
    if own.kind is MetricKind.COUNTER:
        return f"sum by ({by}) (increase({own.prometheus_name}[{window}]))"
    return f"max by ({by}) ({own.prometheus_name})"


def _number(value: float) -> str:
    return f"{value:g}"
