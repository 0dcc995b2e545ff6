"""Metrics as requests: one data point per series and commit, in order of time. Pure.

Cumulative points hold a series' totals since their start: a point that arrives twice, or never,
changes no later one. Each series with a sample in the last hour has a point at each release, so
that rates include a series that paused. Delta points hold only the samples that a commit releases.

All points of a commit have one time: the end of the latest minute in it, or 1 ms after the time of
the commit before. So a sample that is emitted late counts at the time of its emission, and no store
receives an older point after a newer one, or two points of one time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from worker.destinations.otlp.identifiers import trace_id_of
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.points import Exemplar, OtlpPoint, cumulative_point, delta_point
from worker.destinations.otlp.traces import TraceSelection
from worker.metrics import distribution
from worker.metrics.distribution import Distribution
from worker.metrics.series import Series
from worker.metrics.totals import Totals
from worker.outbox.destination import Replacement
from worker.outbox.entries import EntryKind
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import samples_letter
from worker.times.minutes import MINUTE

CUMULATIVE_KIND: Final[EntryKind] = "otlp"
DELTA_KIND: Final[EntryKind] = "otlp_delta"
"""The kinds of entries. A change of the temporality begins another lane, and ``stranded`` reports
the entries that wait in the old one."""

Temporality = Literal["cumulative", "delta"]

REQUEST_POINTS: Final = 1_000
"""The most data points that CloudWatch accepts in a request."""

METRIC_REQUEST_BYTES: Final = 640_000
"""The most bytes of a request before it is encoded as protobuf, which repeats names and attributes;
CloudWatch accepts 1 MB."""

REPEATED: Final = 60 * MINUTE
"""How long (ms) after its last sample a series has points."""


class MetricRequests(NamedTuple):
    """The ``RequestFormat`` of metrics over OTLP. ``traces``: selects the sessions that become
    traces, to which exemplars can point; None: there are no exemplars.
    """

    names: MetricNames
    temporality: Temporality = "cumulative"
    traces: TraceSelection | None = None

    def requests(self, outputs: Outputs) -> Iterator[bytes]:
        """Yield requests, each as full as the limits allow; none if a commit has no samples."""
        totals = outputs.totals
        if not outputs.window or totals is None:
            return
        if self.temporality == "delta":
            points = self._delta(outputs, totals)
        else:
            points = self._cumulative(totals)
        exemplars = self._exemplars(outputs)
        pointed = (replace(one, exemplar=exemplars.get(one.series)) for one in points)
        request: list[bytes] = []
        size = 0
        for encoded in map(_encode, pointed):
            if request and (
                len(request) >= REQUEST_POINTS or size + len(encoded) > METRIC_REQUEST_BYTES
            ):
                yield _joined(request)
                request, size = [], 0
            request.append(encoded)
            size += len(encoded)
        if request:
            yield _joined(request)

    def _exemplars(self, outputs: Outputs) -> dict[Series, Exemplar]:
        """Return each series' slowest sample of the commit whose session becomes a trace."""
        found: dict[Series, Exemplar] = {}
        if self.traces is None:
            return found
        for (series, minute), (value, key) in sorted(outputs.slowest.items(), key=itemgetter(0)):
            known = found.get(series)
            if known is not None and known.sample >= value:
                continue
            if self.traces.takes_sample(key, series.metric, value):
                found[series] = Exemplar(value, minute, trace_id_of(key))
        return found

    def split(self, body: bytes) -> Replacement:
        """Return the two halves of a request or, of a single point, a dead letter."""
        points = decode_points(body)
        if len(points) == 1:
            return _buried(points)
        middle = len(points) // 2
        return Replacement((encode_points(points[:middle]), encode_points(points[middle:])))

    def too_old(self, body: bytes) -> None:
        """Return None: no receiver calls points too old."""

    def counts(self, body: bytes) -> SampleCounts:
        """Return the samples that delta points hold; none for cumulative points."""
        return () if self.temporality == "cumulative" else _counts(decode_points(body))

    def _cumulative(self, totals: Totals) -> Iterator[OtlpPoint]:
        time = _latest(totals)
        for series, one in sorted(totals.series.items()):
            if one.time > time - REPEATED and self.names.of(series) is not None:
                yield cumulative_point(series, totals.since, time, one)

    def _delta(self, outputs: Outputs, totals: Totals) -> Iterator[OtlpPoint]:
        time = _latest(totals)
        minutes: dict[Series, dict[int, Distribution]] = {}
        for (series, minute), samples in outputs.window.items():
            if samples and self.names.of(series) is not None:
                minutes.setdefault(series, {})[minute] = samples
        for series, parts in sorted(minutes.items()):
            # a point with late samples begins where the last one ended
            start = max(parts) if max(parts) + MINUTE == time else time - 1
            merged: Distribution = {}
            for samples in parts.values():
                distribution.add(merged, samples)
            counts = {minute: sum(samples.values()) for minute, samples in parts.items()}
            yield delta_point(series, start, time, merged, counts)


def _latest(totals: Totals) -> int:
    """Return the time of the latest commit that had samples."""
    return max(one.time for one in totals.series.values())


def encode_points(points: Iterable[OtlpPoint]) -> bytes:
    """Return the body of a request."""
    return _joined(map(_encode, points))


def decode_points(body: bytes) -> list[OtlpPoint]:
    """Return the points of a request."""
    return _POINTS.decode(body)


def newer(points: Iterable[OtlpPoint], sent: Mapping[Series, int]) -> list[OtlpPoint]:
    """Return the points that are no older than the last one ``sent`` of their series (epoch ms): a
    newer cumulative point includes all samples of an older one.
    """
    return [point for point in points if point.time >= sent.get(point.series, point.time)]


def _buried(points: list[OtlpPoint]) -> Replacement:
    reason = "the receiver of OpenTelemetry's metrics calls it invalid"
    shown = [msgspec.to_builtins(asdict(point)) for point in points]
    return Replacement((), samples_letter(reason, points[0].time, shown), _counts(points))


def _counts(points: Iterable[OtlpPoint]) -> SampleCounts:
    return tuple(
        (point.series, minute, count) for point in points for minute, count in point.minutes
    )


def _joined(encoded: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(encoded)


_encode: Final[Callable[[OtlpPoint], bytes]] = msgspec.json.Encoder().encode
_POINTS: Final = msgspec.json.Decoder(list[OtlpPoint])
