"""The sinks of metrics and traces: one OTLP request per entry of the outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from worker.destinations.otlp.answers import OtlpVerdict, Response, verdict_of
from worker.destinations.otlp.http import NoAnswer, Receiver
from worker.destinations.otlp.metric_encoding import encode_metrics
from worker.destinations.otlp.metrics import Temporality, decode_points, newer
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.spans import ApplicationOperation
from worker.destinations.otlp.trace_encoding import encode_traces
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome

Sent = tuple[DeliveryOutcome, str]


class _Attempts:
    """Makes attempts at one receiver, but none during a pause that it asked for. ``monotonic``:
    returns seconds; ``masked``: returns a text without the credentials that a receiver may quote.
    """

    def __init__(
        self,
        receiver: Receiver,
        response: Response,
        monotonic: Callable[[], float],
        masked: Callable[[str], str],
    ) -> None:
        self._receiver: Final = receiver
        self._response: Final = response
        self._monotonic = monotonic
        self._masked = masked
        self._not_before = 0.0

    def make(self, body: bytes) -> OtlpVerdict:
        """Make an attempt; during a pause, return a verdict without one."""
        left = self._not_before - self._monotonic()
        if left > 0:
            words = f"it asked for a pause, of which {left:.0f} s are left"
            return self._located(OtlpVerdict(DeliveryOutcome.NOT_APPLIED, words))
        answer = self._receiver.post(body)
        if isinstance(answer, NoAnswer):
            unknown, known = DeliveryOutcome.AMBIGUOUS, DeliveryOutcome.NOT_APPLIED
            return self._located(OtlpVerdict(unknown if answer.was_sent else known, answer.words))
        verdict = verdict_of(answer, self._response)
        self._not_before = self._monotonic() + verdict.pause_s
        return self._located(verdict)

    def _located(self, verdict: OtlpVerdict) -> OtlpVerdict:
        if not verdict.words:
            return verdict
        return verdict._replace(words=self._masked(f"{verdict.words} (at {self._receiver.url})"))


class MetricSink:
    """Sends entries of metrics. No cumulative point is sent that is older than the last one sent of
    its series, since the newer one includes all its samples.
    """

    def __init__(
        self,
        receiver: Receiver,
        names: MetricNames,
        resource: Resource,
        temporality: Temporality,
        monotonic: Callable[[], float],
        masked: Callable[[str], str],
    ) -> None:
        self._attempts = _Attempts(receiver, ExportMetricsServiceResponse, monotonic, masked)
        self._names = names
        self._resource = resource
        self._temporality: Final = temporality
        self._sent: dict[Series, int] = {}

    def send(self, body: bytes) -> Sent:
        """See ``Sink.send``. If a receiver rejects some delta points of a request, it doesn't say
        which, and the accepted ones must not be sent again: the rejected ones are lost, and logged.
        """
        points = newer(decode_points(body), self._sent)
        if not points:
            return DeliveryOutcome.APPLIED, ""
        verdict = self._attempts.make(
            encode_metrics(points, self._names, self._resource, self._temporality)
        )
        outcome = verdict.outcome
        if self._temporality == "cumulative":
            if outcome is DeliveryOutcome.APPLIED:
                self._sent.update((point.series, point.time) for point in points)
        elif verdict.rejected:
            outcome = DeliveryOutcome.APPLIED
        return outcome, verdict.words


class TraceSink:
    """Sends entries of traces."""

    def __init__(
        self,
        receiver: Receiver,
        resource: Resource,
        application: ApplicationOperation,
        monotonic: Callable[[], float],
        masked: Callable[[str], str],
    ) -> None:
        self._attempts = _Attempts(receiver, ExportTraceServiceResponse, monotonic, masked)
        self._resource = resource
        self._application: Final = application

    def send(self, body: bytes) -> Sent:
        """See ``Sink.send``."""
        verdict = self._attempts.make(encode_traces(body, self._resource, self._application))
        return verdict.outcome, verdict.words
