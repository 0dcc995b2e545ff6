"""The fleet's numbers from session records: by bins of time, by configuration, and in total. Pure.

The results are JSON for the page to draw; latencies are in ms, instants in epoch ms.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from worker.page.bins import EDGES, Bins, bins_over, cell_of
from worker.page.samples import COUNTS, RECORD_LATENCIES, RecordSample, has_all_samples, samples_of
from worker.page.statistics import percentile, quantile
from worker.page.verdict import verdict
from worker.sessions.context import Context
from worker.sessions.schema import SessionRecord

_PERCENTS: Final = (50, 95, 99)


class Breakdown(NamedTuple):
    """A latency by the configuration in force; ``dimensions``: fields of a ``Context``."""

    title: str
    metric: str
    dimensions: tuple[str, ...]


BREAKDOWNS: Final = (
    Breakdown("Wait by language", "CallerWait", ("language",)),
    Breakdown("Application by language", "ApplicationLatency", ("language",)),
    Breakdown("Speech to text", "SttLatency", ("transcription_provider", "speech_model")),
    Breakdown("Text to speech", "TtsLatency", ("tts_provider", "voice")),
)


class FleetSamples:
    """The samples, end statuses and error codes of some records."""

    def __init__(self, records: Iterable[SessionRecord]) -> None:
        self.samples: dict[str, list[RecordSample]] = defaultdict(list)
        self.sessions = self.whole = 0
        self.ends: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        for record in records:
            self.sessions += 1
            self.whole += has_all_samples(record)
            self.ends[record.end_status or "none"] += 1
            self.codes.update(str(error.code) for error in record.errors)
            for sample in samples_of(record):
                self.samples[sample.metric].append(sample)

    def bins(self) -> Bins:
        """Bins that cover all samples."""
        times = [one.at for some in self.samples.values() for one in some]
        return bins_over(min(times), max(times)) if times else Bins(0, 1, 1)


def fleet_of(gathered: FleetSamples, bins: Bins) -> dict[str, Any]:
    """The fleet's JSON."""
    latency = {name: _by_bin(gathered.samples[name], bins) for name in RECORD_LATENCIES}
    counts = {name: _counts(gathered.samples[name], bins) for name in COUNTS}
    return {
        "start": bins.start,
        "width": bins.width,
        "count": bins.number,
        "latency": latency,
        "counts": counts,
        "heat": {
            "edges": EDGES,
            "cells": _heat(gathered.samples["CallerWait"], bins),
        },
        "totals": totals_of(gathered),
        "by": breakdowns_of(gathered),
        "verdict": verdict(bins, latency, counts["AbandonedWaits"]),
    }


def totals_of(gathered: FleetSamples) -> dict[str, Any]:
    """The fleet's totals over the whole span."""
    counts = {name: len(gathered.samples[name]) for name in COUNTS}
    return {
        "sessions": gathered.sessions,
        "whole": gathered.whole,
        "ends": dict(gathered.ends.most_common()),
        "codes": dict(gathered.codes.most_common()),
        "counts": counts,
        "latency": {name: _summary(_values(gathered.samples[name])) for name in RECORD_LATENCIES},
    }


def breakdowns_of(gathered: FleetSamples) -> list[dict[str, Any]]:
    """Each latency by configuration, the most samples first."""
    found = []
    for one in BREAKDOWNS:
        by: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for sample in gathered.samples[one.metric]:
            by[_names(sample.context, one.dimensions)].append(sample.value)
        rows = [{"names": names, **_summary(sorted(by[names]))} for names in sorted(by)]
        rows.sort(key=lambda row: -int(row["n"]))
        found.append({"title": one.title, "metric": one.metric, "rows": rows})
    return found


def _names(context: Context, dimensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(getattr(context, name) for name in dimensions)


def _values(samples: list[RecordSample]) -> list[int]:
    return sorted(one.value for one in samples)


def _summary(ordered: list[int]) -> dict[str, Any]:
    if not ordered:
        return {"n": 0, "p50": None, "p95": None, "p99": None}
    return {
        "n": len(ordered),
        "p50": quantile(ordered, 50),
        "p95": quantile(ordered, 95),
        "p99": percentile(ordered, 99),
    }


def _by_bin(samples: list[RecordSample], bins: Bins) -> dict[str, list[int | None]]:
    binned: list[list[int]] = [[] for _ in range(bins.number)]
    for one in samples:
        binned[bins.of(one.at)].append(one.value)
    for values in binned:
        values.sort()
    return {
        "n": [len(values) for values in binned],
        **{
            f"p{percent}": [percentile(values, percent) if values else None for values in binned]
            for percent in _PERCENTS
        },
    }


def _counts(samples: list[RecordSample], bins: Bins) -> list[int]:
    found = [0] * bins.number
    for one in samples:
        found[bins.of(one.at)] += one.value
    return found


def _heat(waits: list[RecordSample], bins: Bins) -> list[list[tuple[int, int]]]:
    """For each bin, the cells that have waits and how many."""
    found: list[Counter[int]] = [Counter() for _ in range(bins.number)]
    for one in waits:
        found[bins.of(one.at)][cell_of(one.value)] += 1
    return [sorted(counted.items()) for counted in found]
