"""Statistics of metrics as PromQL. Pure.

Series are added up by job, and those of calls by platform, too: a metric's definition differs by
platform. Series without a platform are those of the platform that has no label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from worker.metrics.instruments import instrument_of
from worker.monitoring.deployment import Deployment, MetricQuery, Of, telemetry_metric
from worker.telemetry.calls import CallFamily, families_of
from worker.telemetry.catalogue import MetricKind
from worker.telemetry.families import label_name, labels_of

CALLS_BY: Final = ("job", "platform")
WORKER_BY: Final = ("job",)

_PERCENTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)")
_WITHIN: Final = re.compile(r"PR\(:(\d+)\)")
_HOUR_S: Final = 3600
_MINUTE_S: Final = 60


def duration(seconds: int) -> str:
    """Format a length of time as Prometheus writes it."""
    for unit_s, unit in ((_HOUR_S, "h"), (_MINUTE_S, "m")):
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{unit}"
    return f"{seconds}s"


class PromqlStatistics:
    """Statistics of a deployment's metrics. ``chosen``: regular expressions that labels must match,
    of series that have such a label. ``without``: platforms whose series are left out.
    """

    def __init__(
        self,
        deployment: Deployment,
        chosen: Mapping[str, str] = {},
        without: Iterable[str] = (),
    ) -> None:
        self._deployment = deployment
        self._chosen = chosen
        self._without = [f'platform!~"{"|".join(without)}"'] if without else []

    def of(self, metric: MetricQuery, window: str) -> str:
        """The metric's statistic over a ``window`` (a range, such as ``5m``), in base units. Raises
        ``KeyError`` for a metric of the stream, which only CloudWatch has.
        """
        if metric.of is Of.WORKER:
            return self._of_worker(metric.name, window)
        if metric.of in (Of.STREAM, Of.KEYED):
            raise KeyError(metric.name)
        family = family_of(self._deployment, metric)
        return self._of_calls(family, metric.statistic, window, dict(metric.dimensions), ())

    def by_dimensions(self, metric: MetricQuery, window: str) -> str:
        """Return the statistic by the values of the metric's dimensions."""
        family = family_of(self._deployment, metric)
        by = tuple(map(label_name, family.dimensions))
        return self._of_calls(family, metric.statistic, window, {}, by)

    def buckets(self, metric: MetricQuery, window: str) -> str:
        """The number of samples up to each bound of the metric's histogram, over a ``window``."""
        family = family_of(self._deployment, metric)
        name, labels = family.sampled_name, self._matchers(family, {}, {})
        return f"sum by (le) (increase({name}_bucket{labels}[{window}]))"

    def _of_calls(
        self,
        family: CallFamily,
        wanted: str,
        window: str,
        dimensions: Mapping[str, str],
        by: tuple[str, ...],
    ) -> str:
        name, labels = family.sampled_name, self._matchers(family, dimensions, {})
        groups = ", ".join((*CALLS_BY, *by))
        if found := _PERCENTILE.fullmatch(wanted):
            buckets = f"sum by ({groups}, le) (rate({name}_bucket{labels}[{window}]))"
            return f"histogram_quantile({float(found[1]) / 100:g}, {buckets})"
        if found := _WITHIN.fullmatch(wanted):
            bound = bound_of(family.metric, int(found[1]))
            within = self._matchers(family, dimensions, {"le": bound})
            return (
                f"100 * sum by ({groups}) (rate({name}_bucket{within}[{window}]))"
                f" / sum by ({groups}) (rate({name}_count{labels}[{window}]))"
            )
        if instrument_of(family.metric).is_histogram:
            name += "_count" if wanted == "SampleCount" else "_sum"
        if not by:
            # it is compared with sums of metrics that have other dimensions
            labels = self._matchers(family, dimensions, {}, CALLS_BY)
        return f"sum by ({groups}) (increase({name}{labels}[{window}]))"

    def _of_worker(self, name: str, window: str) -> str:
        own = telemetry_metric(name)
        by = ", ".join(WORKER_BY)
        labels = _in_braces(
            f'{one}=~"{self._chosen[one]}"' for one in WORKER_BY if one in self._chosen
        )
        if own.kind is MetricKind.COUNTER:
            return f"sum by ({by}) (increase({own.prometheus_name}{labels}[{window}]))"
        return f"max by ({by}) ({own.prometheus_name}{labels})"

    def _matchers(
        self,
        family: CallFamily,
        dimensions: Mapping[str, str],
        more: Mapping[str, str],
        choice: Iterable[str] | None = None,
    ) -> str:
        """The labels that a series must have, in braces; nothing where any will do. ``choice``:
        among which labels those are that are ``chosen``; None: all that the family has.
        """
        wanted = (*self._deployment.labels, *dimensions.items())
        equal = {**labels_of(sorted(wanted)), **more}
        has = {*CALLS_BY, *map(label_name, family.dimensions)} if choice is None else {*choice}
        has -= equal.keys()
        return _in_braces(
            [
                *(f"{name}={json.dumps(value)}" for name, value in equal.items()),
                *(f'{name}=~"{one}"' for name, one in self._chosen.items() if name in has),
                *self._without,
            ]
        )


def _in_braces(matchers: Iterable[str]) -> str:
    inside = ",".join(matchers)
    return f"{{{inside}}}" if inside else ""


def family_of(deployment: Deployment, metric: MetricQuery) -> CallFamily:
    """The family with the metric's dimensions, or the one with its plain name, whose sum it is."""
    names = tuple(sorted(name for name, _ in metric.dimensions))
    families = families_of(metric.name, deployment.rules.series.sets)
    return next((one for one in families if one.dimensions == names), families[0])


def bound_of(metric: str, sample: int) -> str:
    """Return an explicit bound of a metric's histogram, by the greatest integer sample within, in
    the form of the label ``le``. Raises ``ValueError`` for any other sample.
    """
    instrument = instrument_of(metric)
    if sample not in instrument.bounds:
        raise ValueError(f"{sample} is no bound of {metric}")
    return str(sample / instrument.divisor)


def at_a_bound(metric: MetricQuery) -> MetricQuery:
    """The query that a histogram answers exactly: a share within a limit is that within the least
    bound that is no lower. Raises ``ValueError`` for a limit above all bounds.
    """
    found = _WITHIN.fullmatch(metric.statistic)
    if found is None:
        return metric
    limit = int(found[1])
    bounds = [one for one in instrument_of(metric.name).bounds if one >= limit]
    if not bounds:
        raise ValueError(f"{limit} is above all bounds of {metric.name}")
    return metric._replace(statistic=f"PR(:{bounds[0]})")


def threshold_of(metric: MetricQuery, threshold: int) -> str:
    """A threshold in the metric's CloudWatch unit, in base units."""
    if metric.of is Of.WORKER:
        return _number(threshold / telemetry_metric(metric.name).prometheus_divisor)
    instrument = instrument_of(metric.name)
    return _number(threshold / (instrument.divisor if instrument.unit == "s" else 1))


def _number(value: float) -> str:
    return f"{value:g}"
