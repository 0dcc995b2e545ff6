"""The worker's metrics about itself in Prometheus's text format, version 0.0.4. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.telemetry.catalogue import OWN_METRICS, OwnMetric
from worker.telemetry.snapshot import Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def prometheus_page(reading: Reading | None) -> str:
    """All metrics that have a value; an empty page before the first commit."""
    if reading is None:
        return ""
    return "".join(
        f"{line}\n" for metric in OWN_METRICS.values() for line in _metric(metric, reading)
    )


def _metric(metric: OwnMetric, reading: Reading) -> Iterator[str]:
    samples = dict(_samples(metric, reading))
    if not samples:
        return
    name = metric.prometheus_name
    yield f"# HELP {name} {_escaped(metric.about)}"
    yield f"# TYPE {name} {metric.kind.value}"
    for labels, value in samples.items():
        yield f"{name}{labels} {_number(value / metric.prometheus_divisor)}"


def _samples(metric: OwnMetric, reading: Reading) -> Iterator[tuple[str, float]]:
    if metric.label is not None:
        for label, value in sorted(reading.by_label.get(metric.name, {}).items()):
            quoted = _escaped(label).replace('"', '\\"')
            yield f'{{{metric.label}="{quoted}"}}', value
    elif metric.name in reading.values:
        yield "", reading.values[metric.name]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
