"""The worker's telemetry in Prometheus's text format, version 0.0.4. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.telemetry.catalogue import (
    PROMETHEUS_PREFIX,
    TELEMETRY_METRICS,
    MetricKind,
    TelemetryMetric,
)
from worker.telemetry.facts import ProcessFacts
from worker.telemetry.snapshot import TelemetrySnapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def prometheus_page(snapshot: TelemetrySnapshot | None) -> str:
    """All metrics that have a value; an empty page before the first commit."""
    if snapshot is None:
        return ""
    return "".join(
        f"{line}\n" for metric in TELEMETRY_METRICS.values() for line in _metric(metric, snapshot)
    )


def process_page(facts: ProcessFacts) -> str:
    """The build's version, and the process's metrics by the names of Prometheus's own clients."""
    lines: list[str] = []
    for name, kind, about, value in _of_process(facts):
        if value is not None:
            lines += (*_head(name, kind, about), f"{name} {_number(value)}")
    build = f"{PROMETHEUS_PREFIX}_build_info"
    lines += _head(build, MetricKind.GAUGE, "the worker's version, and Python's; always 1")
    lines.append(f'{build}{{version="{facts.version}",python="{facts.python}"}} 1')
    return "".join(f"{line}\n" for line in lines)


def _of_process(facts: ProcessFacts) -> Iterator[tuple[str, MetricKind, str, float | None]]:
    gauge = MetricKind.GAUGE
    cpu = "seconds of CPU that it has used, user and system"
    yield "process_cpu_seconds_total", MetricKind.COUNTER, cpu, facts.cpu_s
    start = "when it began, in seconds since the epoch"
    yield "process_start_time_seconds", gauge, start, facts.started_s
    yield "process_resident_memory_bytes", gauge, "memory it has in RAM", facts.resident
    yield "process_virtual_memory_bytes", gauge, "memory it has mapped", facts.virtual
    yield "process_open_fds", gauge, "files and connections it has open", facts.open_files
    yield "process_max_fds", gauge, "the most that it may have open", facts.most_files


def _head(name: str, kind: MetricKind, about: str) -> Iterator[str]:
    yield f"# HELP {name} {_escaped(about)}"
    yield f"# TYPE {name} {kind.value}"


def _metric(metric: TelemetryMetric, snapshot: TelemetrySnapshot) -> Iterator[str]:
    samples = dict(_samples(metric, snapshot))
    if not samples:
        return
    name = metric.prometheus_name
    yield from _head(name, metric.kind, metric.about)
    for labels, value in samples.items():
        yield f"{name}{labels} {_number(value / metric.prometheus_divisor)}"


def _samples(metric: TelemetryMetric, snapshot: TelemetrySnapshot) -> Iterator[tuple[str, float]]:
    if metric.label is not None:
        for label, value in sorted(snapshot.by_label.get(metric.name, {}).items()):
            quoted = _escaped(label).replace('"', '\\"')
            yield f'{{{metric.label}="{quoted}"}}', value
    elif metric.name in snapshot.values:
        yield "", snapshot.values[metric.name]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
