"""The metrics of calls as Prometheus families, made from their totals. Pure.

No sample is in two series of one family, so that a sum over a family is exact: a family has the
series of one dimension set, and further sets have families of their own.
``voice_insights_caller_wait_seconds`` has a label ``language`` by default;
``voice_insights_caller_wait_by_voice_seconds`` would be a family of its own. The series without
dimensions is left out if there are others: it is their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.dimension_sets import SetsByMetric, dimension_sets_of, varying_dimensions
from worker.metrics.instruments import Instrument, instrument_of
from worker.metrics.series import Series
from worker.metrics.totals import SeriesTotals, Totals, combined, cumulative
from worker.telemetry.families import Family, Point, label_name, labels_of

CALLS_PREFIX: Final = "voice_insights"
CallsShown = Literal["auto", "on", "off"]
"""The setting whether /metrics has the metrics of calls; auto: as long as they are few."""

AUTO_SERIES: Final = 200
"""The most series that ``auto`` shows; a histogram counts as one."""

_UNITS: Final = {"Milliseconds": "seconds", "Seconds": "seconds", "Percent": "ratio"}
_SHOWN: Final = f"{CALLS_PREFIX}_calls_series"
_LEFT_OUT: Final = f"{CALLS_PREFIX}_calls_series_left_out"


class CallFamily(NamedTuple):
    """A family of a metric, by some dimensions (in ascending order). ``unit``: empty for none."""

    metric: str
    dimensions: tuple[str, ...]
    name: str
    unit: str

    @property
    def sampled_name(self) -> str:
        """The counter's name, or the histogram's without ``_bucket``, ``_sum`` or ``_count``."""
        return self.name if instrument_of(self.metric).is_histogram else f"{self.name}_total"


def families_of(metric: str, sets: SetsByMetric) -> list[CallFamily]:
    """Return the families that a metric can have, the one with its plain name first."""
    found = dimension_sets_of(metric, sets)
    return [_family(metric, one, plain=one == found[0]) for one in found]


def call_families(totals: Totals | None, sets: SetsByMetric, shown: CallsShown) -> Iterator[Family]:
    """Yield the families of all series that are ``shown``, each from the same start. ``auto`` shows
    up to ``AUTO_SERIES``; if there are more, those without dimensions; if these are more, none.
    """
    if totals is None or shown == "off":
        return
    everything = _grouped(totals, sets)
    groups = everything
    if shown == "auto" and _size(groups) > AUTO_SERIES:
        groups = _grouped(totals, None)
        groups = groups if _size(groups) <= AUTO_SERIES else {}
    for family, series in sorted(groups.items()):
        yield _family_of(family, series, totals.since)
    yield from _bookkeeping(_size(groups), max(0, _size(everything) - _size(groups)))


_Groups = dict[CallFamily, dict[Series, SeriesTotals]]


def _grouped(totals: Totals, sets: SetsByMetric | None) -> _Groups:
    """Return the series by family, without series that are the sum of others. ``sets`` None: only
    series without dimensions.
    """
    groups: _Groups = {}
    for metric in CATALOGUE:
        families = families_of(metric, sets) if sets is not None else [_whole(metric)]
        for family in families:
            groups[family] = {}
    by_dimensions = {(one.metric, one.dimensions): one for one in groups}
    for series, one in totals.series.items():
        place = series.metric, varying_dimensions(series)
        if place in by_dimensions:
            groups[by_dimensions[place]][series] = one
    return {family: series for family, series in groups.items() if series}


def _size(groups: _Groups) -> int:
    return sum(map(len, groups.values()))


def _whole(metric: str) -> CallFamily:
    return _family(metric, (), plain=True)


def _family(metric: str, dimensions: tuple[str, ...], *, plain: bool) -> CallFamily:
    by = "" if plain else f"_by_{'_'.join(map(label_name, dimensions))}"
    unit = _UNITS.get(CATALOGUE[metric].unit, "")
    name = f"{CALLS_PREFIX}_{instrument_of(metric).name}{by}{f'_{unit}' if unit else ''}"
    return CallFamily(metric, dimensions, name, unit)


def _family_of(family: CallFamily, series: Mapping[Series, SeriesTotals], since: int) -> Family:
    instrument = instrument_of(family.metric)
    by_labels: dict[tuple[tuple[str, str], ...], SeriesTotals] = {}
    for one, totals in sorted(series.items()):
        labels = tuple(labels_of(one.dimensions).items())
        known = by_labels.get(labels)  # of two labels of accounts that become one label
        by_labels[labels] = totals if known is None else combined(known, totals)
    points = [
        point
        for labels, totals in by_labels.items()
        for point in _points(instrument, dict(labels), totals, since / 1000)
    ]
    about = CATALOGUE[family.metric].about
    return Family(family.name, instrument.kind, family.unit, about, points)


def _points(
    instrument: Instrument, labels: dict[str, str], totals: SeriesTotals, since_s: float
) -> Iterator[Point]:
    whole = totals.sum / instrument.divisor
    if not instrument.is_histogram:
        yield Point("_total", labels, whole)
        yield Point("_created", labels, since_s)
        return
    bounds = [str(bound / instrument.divisor) for bound in instrument.bounds]
    for bound, count in zip([*bounds, "+Inf"], cumulative(totals, instrument.bounds), strict=True):
        yield Point("_bucket", {**labels, "le": bound}, count)
    yield Point("_count", labels, totals.count)
    yield Point("_sum", labels, whole)
    yield Point("_created", labels, since_s)


def _bookkeeping(shown: int, left_out: int) -> Iterator[Family]:
    about = "series of calls on this page, a histogram being one"
    yield Family(_SHOWN, "gauge", "", about, [Point("", {}, shown)])
    about = "series of calls that prometheus_calls = auto leaves out, being too many"
    yield Family(_LEFT_OUT, "gauge", "", about, [Point("", {}, left_out)])
