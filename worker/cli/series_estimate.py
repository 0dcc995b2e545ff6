"""How many CloudWatch series the settings lead to, and what those cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, prod
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.series import SeriesRules

USD_PER_SERIES: Final = 0.30
"""List price of a custom metric a month, for the first 10,000; a region may differ."""

_VALUES: Final = {"Type": 3, "EndStatus": 6}
"""How many values a dimension has; of those not named here there may be any number."""


class Estimate(NamedTuple):
    """``base``: series without further dimensions, which always come.

    ``at_most``: all series, when every dimension set is filled up to its cap.
    """

    base: int
    at_most: int

    @property
    def base_usd(self) -> float:
        """What the base series cost a month."""
        return self.base * USD_PER_SERIES

    @property
    def at_most_usd(self) -> float:
        """What all series cost a month, when every cap is reached."""
        return self.at_most * USD_PER_SERIES


def estimate(rules: SeriesRules) -> Estimate:
    """Count the series that ``rules`` admit, whatever the events hold."""
    sets = _possible(rules)
    undimensioned = len(CATALOGUE)
    dimensioned = {one: values for one, values in sets.items() if len(one) > 1}
    admitted = undimensioned + sum(min(values, rules.per_set) for values in dimensioned.values())
    full = sum(values > rules.per_set for values in dimensioned.values())
    at_most = int(admitted + full)
    if at_most > rules.in_all:
        # beyond the cap come only series without dimensions, and one overflow of each set
        beyond = rules.in_all + undimensioned + len(dimensioned)
        at_most = min(int(admitted) + len(dimensioned), beyond)
    return Estimate(undimensioned * max(1, len(_label_sets(rules)) - 1), at_most)


def _possible(rules: SeriesRules) -> dict[tuple[str, ...], float]:
    """Per metric and dimension names, how many combinations of values there can be."""
    found: dict[tuple[str, ...], set[tuple[tuple[str, str], ...]]] = {}
    for labels in _label_sets(rules):
        for names in _name_sets(rules, dict(labels)):
            found.setdefault(names, set()).add(labels)
    return {
        names: len(combinations) * prod(_values(name, rules) for name in names[1:])
        for names, combinations in found.items()
    }


def _values(name: str, rules: SeriesRules) -> float:
    is_label = any(name in labels for labels in rules.labels.values())
    return 1 if is_label else _VALUES.get(name, inf)


def _name_sets(rules: SeriesRules, labels: dict[str, str]) -> Iterator[tuple[str, ...]]:
    every_label = {name for one in rules.labels.values() for name in one}
    for metric in CATALOGUE.values():
        own = [(metric.own_dimension,)] if metric.own_dimension else []
        for names in [(), *own, *rules.sets.get(metric.name, ())]:
            there = {name for name in names if name not in every_label or name in labels}
            yield metric.name, *sorted(there | labels.keys())


def _label_sets(rules: SeriesRules) -> set[tuple[tuple[str, str], ...]]:
    """The different labels of accounts, and none, which an account may have too."""
    return {(), *(tuple(sorted(one.items())) for one in rules.labels.values())}
