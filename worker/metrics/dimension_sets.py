"""The dimension sets of a metric outside CloudWatch, where sums over a name must be right. Pure.

A metric is published by several dimension sets, and each sample is in a series of every set. Where
all series of one name are added up, each set needs a name of its own, and the series without
dimensions is left out where there are others: it is their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.series import Series

SetsByMetric = Mapping[str, Sequence[Sequence[str]]]
"""Further dimension sets by metric, as the settings have them."""


def dimension_sets_of(metric: str, sets: SetsByMetric) -> list[tuple[str, ...]]:
    """Return the dimension sets of a metric without repeats, each in ascending order: first the
    metric's own dimension, if it has one, then those of ``sets``; only the empty set if there is
    no other.
    """
    own = CATALOGUE[metric].own_dimension
    of_context = (
        sorted({name for name in names if name in CONTEXT_DIMENSIONS})
        for names in sets.get(metric, ())
    )
    wanted = [() if own is None else (own,), *map(tuple, of_context)]
    return list(dict.fromkeys(one for one in wanted if one)) or [()]


@lru_cache(maxsize=4096)
def varying_dimensions(series: Series) -> tuple[str, ...]:
    """Return the dimensions in which the series of one metric and set differ; the others, an
    account's labels and the platform, all of its series have.
    """
    own = CATALOGUE[series.metric].own_dimension
    names = (name for name, _ in series.dimensions)
    return tuple(name for name in names if name == own or name in CONTEXT_DIMENSIONS)
