"""The telemetry of the worker and of its process as Prometheus's metric families. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from worker.telemetry.catalogue import (
    PROMETHEUS_PREFIX,
    TELEMETRY_METRICS,
    MetricKind,
    TelemetryMetric,
)
from worker.telemetry.facts import ProcessFacts
from worker.telemetry.families import Family, FamilyKind, Point
from worker.telemetry.snapshot import TelemetrySnapshot

_TOTAL: Final = "_total"


def own_families(
    snapshot: TelemetrySnapshot | None, catalogue: Mapping[str, TelemetryMetric] = TELEMETRY_METRICS
) -> Iterator[Family]:
    """The families of the telemetry that have a value; none before the first commit."""
    if snapshot is None:
        return
    for metric in catalogue.values():
        if points := list(_points(metric, snapshot)):
            name = metric.prometheus_name.removesuffix(_TOTAL)
            yield Family(name, metric.kind.value, metric.prometheus_unit, metric.about, points)


def process_families(facts: ProcessFacts) -> Iterator[Family]:
    """The build's version, and the process's metrics by the names of Prometheus's own clients."""
    for name, kind, unit, about, value in _of_process(facts):
        if value is not None:
            suffix = _TOTAL if kind == "counter" else ""
            yield Family(name, kind, unit, about, [Point(suffix, {}, value)])
    build = {"version": facts.version, "python": facts.python}
    about = "the worker's version, and Python's; always 1"
    yield Family(f"{PROMETHEUS_PREFIX}_build_info", "gauge", "", about, [Point("", build, 1)])


def _of_process(facts: ProcessFacts) -> Iterator[tuple[str, FamilyKind, str, str, float | None]]:
    cpu = "seconds of CPU that it has used, user and system"
    yield "process_cpu_seconds", "counter", "seconds", cpu, facts.cpu_s
    start = "when it began, in seconds since the epoch"
    yield "process_start_time_seconds", "gauge", "seconds", start, facts.started_s
    yield from _of_memory(facts)
    yield "process_open_fds", "gauge", "", "files and connections it has open", facts.open_files
    yield "process_max_fds", "gauge", "", "the most that it may have open", facts.most_files


def _of_memory(facts: ProcessFacts) -> Iterator[tuple[str, FamilyKind, str, str, float | None]]:
    resident, virtual = facts.resident, facts.virtual
    yield "process_resident_memory_bytes", "gauge", "bytes", "memory it has in RAM", resident
    yield "process_virtual_memory_bytes", "gauge", "bytes", "memory it has mapped", virtual


def _points(metric: TelemetryMetric, snapshot: TelemetrySnapshot) -> Iterator[Point]:
    suffix = _TOTAL if metric.kind is MetricKind.COUNTER else ""
    divisor = metric.prometheus_divisor
    if metric.label is not None:
        for label, value in sorted(snapshot.by_label.get(metric.name, {}).items()):
            yield Point(suffix, {metric.label: label}, value / divisor)
    elif metric.name in snapshot.values:
        yield Point(suffix, {}, snapshot.values[metric.name] / divisor)
