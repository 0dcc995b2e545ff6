"""An estimate of the CloudWatch series that the settings lead to, and of their cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod
from typing import NamedTuple

from worker.metrics.catalogue import CATALOGUE, OWN_DIMENSION_VALUES
from worker.metrics.series import SeriesRules
from worker.monitoring.sizing import SERIES_MONTH


class Estimate(NamedTuple):
    """The number of series.

    ``base``: the series without further dimensions, which always exist.
    ``at_most``: all series, if every dimension set is filled up to its cap.
    """

    base: int
    at_most: int

    @property
    def base_usd(self) -> float:
        """The monthly cost of the base series."""
        return self.base * SERIES_MONTH

    @property
    def at_most_usd(self) -> float:
        """The monthly cost of all series if every cap is reached."""
        return self.at_most * SERIES_MONTH


def estimate(rules: SeriesRules) -> Estimate:
    """Count the series that ``rules`` admit, whatever the events hold."""
    sets = _sets(rules)
    always = sum(one.labellings for one in sets if one.values == 1)
    capped = [one for one in sets if one.values > 1]
    admitted = always + sum(min(one.series, rules.per_set) for one in capped)
    at_most = admitted + sum(one.labellings for one in capped if one.series > rules.per_set)
    if at_most > rules.in_all:
        # Beyond the cap there are only series of labels alone, and one overflow series for each
        # set and labelling.
        overflows = sum(one.labellings for one in capped)
        at_most = min(admitted, rules.in_all + always) + overflows
    return Estimate(len(CATALOGUE) * max(1, len(_label_sets(rules)) - 1), int(at_most))


class _Set(NamedTuple):
    """The series of a metric with the same dimension names: the number of different
    ``labellings``, and the number of combinations of its other dimensions' ``values``.
    """

    labellings: int
    values: float

    @property
    def series(self) -> float:
        return self.labellings * self.values


def _sets(rules: SeriesRules) -> list[_Set]:
    found: dict[tuple[str, ...], set[tuple[tuple[str, str], ...]]] = {}
    for labels in _label_sets(rules):
        for names in _name_sets(rules, dict(labels)):
            found.setdefault(names, set()).add(labels)
    return [
        _Set(len(labellings), prod(_values(name, rules) for name in names[1:]))
        for names, labellings in found.items()
    ]


def _values(name: str, rules: SeriesRules) -> float:
    is_label = any(name in labels for labels in rules.labels.values())
    return 1 if is_label else OWN_DIMENSION_VALUES.get(name, inf)


def _name_sets(rules: SeriesRules, labels: dict[str, str]) -> Iterator[tuple[str, ...]]:
    every_label = {name for one in rules.labels.values() for name in one}
    for metric in CATALOGUE.values():
        own = [(metric.own_dimension,)] if metric.own_dimension else []
        for names in [(), *own, *rules.sets.get(metric.name, ())]:
            there = {name for name in names if name not in every_label or name in labels}
            yield metric.name, *sorted(there | labels.keys())


def _label_sets(rules: SeriesRules) -> set[tuple[tuple[str, str], ...]]:
    """The distinct label sets of accounts, and the empty one, which an account may have too."""
    return {(), *(tuple(sorted(one.items())) for one in rules.labels.values())}
