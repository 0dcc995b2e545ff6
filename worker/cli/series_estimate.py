"""An estimate of the CloudWatch series that the settings lead to, and of their cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod
from typing import NamedTuple

from worker.events.decode import PLATFORMS
from worker.metrics.catalogue import CATALOGUE, OWN_DIMENSION_VALUES
from worker.metrics.series import SeriesRules
from worker.monitoring.sizing import SERIES_MONTH
from worker.partition.series_registry import PLATFORM_DIMENSION


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
    return Estimate(len(CATALOGUE) * max(1, len(_labels_of_accounts(rules)) - 1), int(at_most))


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
    found: dict[tuple[str, ...], set[_Labels]] = {}
    for labels in _label_sets(rules):
        for names in _name_sets(rules, dict(labels)):
            found.setdefault(names, set()).add(labels)
    return [
        _Set(len(labellings), prod(_values(name, rules) for name in names[1:]))
        for names, labellings in found.items()
    ]


def _values(name: str, rules: SeriesRules) -> float:
    is_label = name == PLATFORM_DIMENSION or any(name in labels for labels in rules.labels.values())
    return 1 if is_label else OWN_DIMENSION_VALUES.get(name, inf)


def _name_sets(rules: SeriesRules, labels: dict[str, str]) -> Iterator[tuple[str, ...]]:
    every_label = {name for one in rules.labels.values() for name in one}
    for metric in CATALOGUE.values():
        own = [(metric.own_dimension,)] if metric.own_dimension else []
        for names in [(), *own, *rules.sets.get(metric.name, ())]:
            there = {name for name in names if name not in every_label or name in labels}
            yield metric.name, *sorted(there | labels.keys())


_Labels = tuple[tuple[str, str], ...]


def _label_sets(rules: SeriesRules) -> set[_Labels]:
    """The distinct label sets that series may have, with and without that of a platform."""
    of_accounts = _labels_of_accounts(rules)
    of_agents = {
        tuple(sorted({**dict(one), **rules.labels[name]}.items()))
        for one in of_accounts
        for name in rules.labels
        if "/" in name
    }
    marked = {
        tuple(sorted((*one, (PLATFORM_DIMENSION, platform))))
        for one in of_accounts | of_agents
        for platform in PLATFORMS.marked
    }
    return of_accounts | marked


def _labels_of_accounts(rules: SeriesRules) -> set[_Labels]:
    """The distinct label sets of accounts, and the empty one, which an account may have too."""
    return {(), *(tuple(sorted(one.items())) for one in rules.labels.values())}
