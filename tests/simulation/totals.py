"""Totals are an undisturbed run's, whatever happened: they are committed with what they count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.simulation.ledger import Samples
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.metrics.totals import SeriesTotals, Totals, increment

_MINUTE: Final = 0


def wrong_totals(expected: Samples, kept: Totals | None) -> Iterator[str]:
    """What the totals don't have as they should, by all samples that were to be given out."""
    theirs = _series(increment(None, {(one, _MINUTE): of for one, of in _joined(expected).items()}))
    ours = _series(kept)
    for series in sorted(theirs.keys() | ours.keys()):
        if _amount(ours.get(series)) != _amount(theirs.get(series)):
            yield f"totals of {series}: {ours.get(series)}, undisturbed {theirs.get(series)}"


def _joined(samples: Samples) -> dict[Series, Distribution]:
    """Integer samples by series, all minutes together."""
    joined: dict[Series, Distribution] = {}
    for (metric, dimensions, _), counts in samples.items():
        whole = joined.setdefault(Series(metric, dimensions), {})
        for value, count in counts.items():
            sample = round(value * CATALOGUE[metric].scale)
            whole[sample] = whole.get(sample, 0) + count
    return joined


def _series(totals: Totals | None) -> dict[Series, SeriesTotals]:
    return {} if totals is None else totals.series


def _amount(totals: SeriesTotals | None) -> object:
    """All of them but when they were added to."""
    if totals is None:
        return None
    return totals.count, totals.sum, totals.min, totals.max, totals.cells
