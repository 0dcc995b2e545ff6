"""The fleet's numbers: by bins of time, by configuration, and in total. Pure.

The results are JSON for the page to draw; latencies are in ms, instants in epoch ms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from worker.events.decode import PLATFORMS
from worker.metrics import distribution
from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.metrics.dimension_values import dimension_value
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.page.bins import EDGES, Bins, bins_over, cell_of
from worker.page.samples import COUNTS, RECORD_LATENCIES, has_all_samples, samples_of
from worker.page.statistics import OrderedSamples, percentile, quantile
from worker.page.verdict import verdict
from worker.partition.series_registry import PLATFORM_DIMENSION
from worker.sessions.context import Context
from worker.sessions.schema import SessionRecord
from worker.times.minutes import minute_of

_PERCENTS: Final = (50, 95, 99)
_CONTEXT_FIELDS: Final = {
    "TranscriptionProvider": "transcription_provider",
    "SpeechModel": "speech_model",
    "TtsProvider": "tts_provider",
    "Voice": "voice",
    "Language": "language",
}
"""The field of a ``Context`` that each dimension is taken from."""
_OWN_DIMENSIONS: Final = frozenset(
    {*CONTEXT_DIMENSIONS, *(one.own_dimension for one in CATALOGUE.values() if one.own_dimension)}
)
"""Dimensions that distinguish samples of one metric; any other one is a label, which names the
origin of the samples.
"""


class Breakdown(NamedTuple):
    """A latency by the configuration in force; ``dimensions``: of its series."""

    title: str
    metric: str
    dimensions: tuple[str, ...]


BY_PLATFORM: Final = {"CallerWait": "Wait by platform", "ResponseLatency": "Response by platform"}
"""The latencies that the fleet also shows by platform, if it has calls of several."""
_UNMARKED: Final = min(PLATFORMS.unmarked)
"""The platform of series without the dimension Platform."""

BREAKDOWNS: Final = (
    Breakdown("Wait by language", "CallerWait", ("Language",)),
    Breakdown("Application by language", "ApplicationLatency", ("Language",)),
    Breakdown("Speech to text", "SttLatency", ("TranscriptionProvider", "SpeechModel")),
    Breakdown("Text to speech", "TtsLatency", ("TtsProvider", "Voice")),
)
_BREAKDOWN_OF: Final = {one.metric: one for one in BREAKDOWNS}

SERIES_LATENCIES: Final = (
    *("TimeToFirstAudio", "TimeToReplyEnd", "ReplyDuration", "TokenStreamDuration"),
    "BargeInStopTime",
)
"""Latencies of which the samples can't be had from records, only from published series."""

SHOWN_METRICS: Final = frozenset((*RECORD_LATENCIES, *SERIES_LATENCIES, *COUNTS, "SessionsEnded"))
"""The metrics of which the fleet shows anything."""


class FleetSamples:
    """The samples that the fleet shows, from session records or from published series.

    ``minutes``: of each metric, its samples by minute; ``by``: of each metric with a breakdown, its
    samples by platform and the values of the breakdown's dimensions. ``whole``: the sessions of
    which every sample is known.
    """

    def __init__(self, records: Iterable[SessionRecord] = ()) -> None:
        self.minutes: dict[str, dict[int, Distribution]] = defaultdict(dict)
        self.by: dict[str, dict[tuple[str, ...], Distribution]] = defaultdict(dict)
        self.by_platform: dict[str, dict[str, Distribution]] = defaultdict(dict)
        self.platforms: set[str] = set()
        self.sessions = self.whole = 0
        self.ends: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        for record in records:
            self._add_record(record)

    def _add_record(self, record: SessionRecord) -> None:
        self.platforms.add(record.platform)
        self.sessions += 1
        self.whole += has_all_samples(record)
        self.ends[record.end_status or "none"] += 1
        self.codes.update(str(error.code) for error in record.errors)
        for metric, at, value, context in samples_of(record):
            one = self.minutes[metric].setdefault(minute_of(at), {})
            one[value] = one.get(value, 0) + 1
            breakdown = _BREAKDOWN_OF.get(metric)
            if breakdown is not None:
                names = (record.platform, *_names(context, breakdown.dimensions))
                distribution.add(self.by[metric].setdefault(names, {}), {value: 1})
            if metric in BY_PLATFORM:
                of_platform = self.by_platform[metric].setdefault(record.platform, {})
                distribution.add(of_platform, {value: 1})

    def add_series(self, series: Series, minutes: Mapping[int, Distribution]) -> None:
        """Add the samples of one series by minute."""
        metric = series.metric
        own = {name: value for name, value in series.dimensions if name in _OWN_DIMENSIONS}
        platform = dict(series.dimensions).get(PLATFORM_DIMENSION, _UNMARKED)
        breakdown = _BREAKDOWN_OF.get(metric)
        if minutes:
            self.platforms.add(platform)
        if not own:
            for minute, samples in minutes.items():
                distribution.add(self.minutes[metric].setdefault(minute, {}), samples)
                if metric in BY_PLATFORM:
                    of_platform = self.by_platform[metric].setdefault(platform, {})
                    distribution.add(of_platform, samples)
            if metric == "SessionsStarted":
                self.sessions += sum(sum(one.values()) for one in minutes.values())
                self.whole = self.sessions
        elif metric in _VALUES:
            counted: Counter[str] = getattr(self, _VALUES[metric])
            value = next(iter(own.values()))
            counted[value] += sum(sum(one.values()) for one in minutes.values())
        elif breakdown is not None and own.keys() == set(breakdown.dimensions):
            names = (platform, *(own[name] for name in breakdown.dimensions))
            into = self.by[metric].setdefault(names, {})
            for samples in minutes.values():
                distribution.add(into, samples)

    def merged(self, metric: str) -> Distribution:
        """Return the samples of a metric over all minutes."""
        merged: Distribution = {}
        for samples in self.minutes[metric].values():
            distribution.add(merged, samples)
        return merged

    def bins(self) -> Bins:
        """The bins that cover all samples."""
        times = [minute for some in self.minutes.values() for minute in some]
        return bins_over(min(times), max(times)) if times else Bins(0, 1, 1)


_VALUES: Final = {"SessionsEnded": "ends", "Errors": "codes"}
"""The metrics whose own dimension the fleet counts, and where."""


def fleet_of(gathered: FleetSamples, bins: Bins) -> dict[str, Any]:
    """The fleet's JSON."""
    binned = {name: _binned(gathered.minutes[name], bins) for name in (*RECORD_LATENCIES, *COUNTS)}
    latency = {name: _by_bin(binned[name]) for name in RECORD_LATENCIES}
    counts = {name: [distribution.total(one) for one in binned[name]] for name in COUNTS}
    return {
        "start": bins.start,
        "width": bins.width,
        "count": bins.number,
        "latency": latency,
        "counts": counts,
        "heat": {"edges": EDGES, "cells": [_cells(one) for one in binned["CallerWait"]]},
        "totals": totals_of(gathered),
        "by": breakdowns_of(gathered),
        "platforms": sorted(gathered.platforms),
        "verdict": verdict(bins, latency, counts["AbandonedWaits"]),
    }


def totals_of(gathered: FleetSamples) -> dict[str, Any]:
    """The fleet's totals over the whole span."""
    return {
        "sessions": gathered.sessions,
        "whole": gathered.whole,
        "ends": dict(_most_common(gathered.ends)),
        "codes": dict(_most_common(gathered.codes)),
        "counts": {name: distribution.total(gathered.merged(name)) for name in COUNTS},
        "latency": {name: _summary(gathered.merged(name)) for name in RECORD_LATENCIES},
    }


def series_latencies_of(gathered: FleetSamples) -> list[dict[str, Any]]:
    """The latencies that only published series have, each with what it is; those with samples."""
    found = [
        {"metric": name, "about": CATALOGUE[name].about, **_summary(gathered.merged(name))}
        for name in SERIES_LATENCIES
    ]
    return [one for one in found if one["n"]]


def _most_common(counted: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def breakdowns_of(gathered: FleetSamples) -> list[dict[str, Any]]:
    """Each latency by configuration, the most samples first. Calls of several platforms stand
    apart, under the platform's name, and by platform alone.
    """
    several = len(gathered.platforms) > 1
    found = [
        _breakdown(
            title, metric, {(name,): of for name, of in gathered.by_platform[metric].items()}
        )
        for metric, title in BY_PLATFORM.items()
        if several
    ]
    for one in BREAKDOWNS:
        by = gathered.by[one.metric]
        rows = by if several else {names[1:]: samples for names, samples in by.items()}
        found.append(_breakdown(one.title, one.metric, rows))
    return found


def _breakdown(
    title: str, metric: str, by: Mapping[tuple[str, ...], Distribution]
) -> dict[str, Any]:
    rows = [{"names": names, **_summary(by[names])} for names in sorted(by)]
    rows.sort(key=lambda row: -int(row["n"]))
    return {"title": title, "metric": metric, "rows": rows}


def _names(context: Context, dimensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dimension_value(getattr(context, _CONTEXT_FIELDS[name])) for name in dimensions)


def _summary(samples: Distribution) -> dict[str, Any]:
    ordered = OrderedSamples(samples)
    if not len(ordered):
        return {"n": 0, "p50": None, "p95": None, "p99": None}
    return {
        "n": len(ordered),
        "p50": quantile(ordered, 50),
        "p95": quantile(ordered, 95),
        "p99": percentile(ordered, 99),
    }


def _binned(minutes: Mapping[int, Distribution], bins: Bins) -> list[Distribution]:
    """The samples of each bin; those of minutes outside are in the nearest one."""
    binned: list[Distribution] = [{} for _ in range(bins.number)]
    for minute, samples in minutes.items():
        distribution.add(binned[bins.of(minute)], samples)
    return binned


def _by_bin(binned: list[Distribution]) -> dict[str, list[int | None]]:
    ordered = [OrderedSamples(one) for one in binned]
    return {
        "n": [len(one) for one in ordered],
        **{
            f"p{percent}": [percentile(one, percent) if len(one) else None for one in ordered]
            for percent in _PERCENTS
        },
    }


def _cells(waits: Distribution) -> list[tuple[int, int]]:
    """How many waits fall into which cell."""
    found: Counter[int] = Counter()
    for value, count in waits.items():
        found[cell_of(value)] += count
    return sorted(found.items())
