"""OpenTelemetry in the simulation: a strict receiver beside CloudWatch, and what it must end with.

However often requests failed, were repeated, or came from a worker that had been dead for a while:
each series amounts to what was emitted to it, and the spans of each session are there once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from worker.destinations.otlp.metrics import CUMULATIVE_KIND, MetricRequests
from worker.destinations.otlp.names import MetricNames, attributes_of
from worker.destinations.otlp.resource import resource_of
from worker.destinations.otlp.sink import MetricSink, TraceSink
from worker.destinations.otlp.spans import trace_of
from worker.destinations.otlp.traces import TRACE_KIND, TraceRequests, TraceSelection
from worker.metrics.catalogue import CATALOGUE, DEFAULT_DIMENSION_SETS
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series
from worker.outbox.destination import Destination
from worker.outbox.entries import EntryKind
from worker.sessions.record import decode_record
from worker.testing.strict_otlp import METRICS, TRACES, StrictOtlp, StrictReceiver
from worker.testing.strict_points import KeptPoint, PointAttributes

NAMES: Final = MetricNames(DEFAULT_DIMENSION_SETS)
_RESOURCE: Final = resource_of({"service.instance.id": "the partition"})

_Place = tuple[str, PointAttributes]
_Samples = Mapping[tuple[str, tuple[tuple[str, str], ...], int], Mapping[float, int]]
"""By a metric's name, its dimensions and a minute: how often each published value."""


class Amount(NamedTuple):
    """What a series amounts to, in thousandths of its base unit; of a counter only the sum."""

    samples: int
    sum: int
    min: int
    max: int


def ways(strict: StrictOtlp) -> dict[EntryKind, Destination]:
    """The destinations of one worker. A pause that it is asked for is over at the next attempt."""
    attempts = iter(range(0, 1 << 40, 1000))

    def monotonic() -> float:
        return float(next(attempts))

    return {
        CUMULATIVE_KIND: Destination(
            MetricRequests(NAMES),
            MetricSink(
                StrictReceiver(strict, METRICS), NAMES, _RESOURCE, "cumulative", monotonic, str
            ),
            in_order=True,
        ),
        TRACE_KIND: Destination(
            TraceRequests(TraceSelection()),
            TraceSink(StrictReceiver(strict, TRACES), _RESOURCE, "chat", monotonic, str),
        ),
    }


def wrong_totals(strict: StrictOtlp, emitted: _Samples) -> Iterator[str]:
    """Series that amount to anything else than what was emitted to them."""
    ours = {(key.name, key.attributes): _amount(point) for key, point in strict.points.kept.items()}
    theirs = _amounts(emitted)
    for place in sorted(ours.keys() | theirs.keys()):
        if ours.get(place) != theirs.get(place):
            yield f"otlp: {place}: {ours.get(place)}, undisturbed {theirs.get(place)}"


def wrongly_rejected(strict: StrictOtlp) -> Iterator[str]:
    """Points that the receiver rejects for what they say. Those that come out of order are of an
    owner that has been fenced since, and what they say is in later ones.
    """
    for why in strict.rejected:
        if not why.endswith(": out of order"):
            yield f"otlp: rejected: {why}"


def wrong_traces(strict: StrictOtlp, lines: Iterable[bytes]) -> Iterator[str]:
    """Sessions whose trace isn't whole, and traces of no session."""
    traces = [trace_of(decode_record(line), "chat") for line in lines]
    for trace in traces:
        lacking = [
            one.name for one in trace.spans if (trace.trace_id, one.span_id) not in strict.spans
        ]
        if lacking:
            yield f"otlp: trace {trace.trace_id.hex()} lacks {lacking[:3]}"
    strangers = {trace_id for trace_id, _ in strict.spans} - {one.trace_id for one in traces}
    if strangers:
        yield f"otlp: {len(strangers)} traces of no session"


def _amounts(emitted: _Samples) -> dict[_Place, Amount]:
    values: dict[Series, dict[float, int]] = {}
    for (metric, dimensions, _), counts in emitted.items():
        known = values.setdefault(Series(metric, dimensions), {})
        for value, count in counts.items():
            known[value] = known.get(value, 0) + count
    found: dict[_Place, Amount] = {}
    for series, counts in values.items():
        name = NAMES.of(series)
        if name is not None and counts:
            found[name, tuple(attributes_of(series))] = _of_values(series.metric, counts)
    return found


def _of_values(metric: str, counts: Mapping[float, int]) -> Amount:
    instrument, scale = instrument_of(metric), CATALOGUE[metric].scale
    samples = {round(value * scale): count for value, count in counts.items() if count}
    whole = sum(sample * count for sample, count in samples.items())
    if not instrument.is_histogram:
        return Amount(0, _thousandths(whole / instrument.divisor), 0, 0)
    return Amount(
        sum(samples.values()),
        *(_thousandths(one / instrument.divisor) for one in (whole, min(samples), max(samples))),
    )


def _amount(point: KeptPoint) -> Amount:
    return Amount(point.samples, *(_thousandths(one) for one in (point.sum, point.min, point.max)))


def _thousandths(value: float) -> int:
    return round(value * 1000)
