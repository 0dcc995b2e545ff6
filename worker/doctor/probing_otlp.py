"""Probing the receivers of OTLP: whether they answer, and take requests from this sender. Shell.

A request without points or spans is a valid one, and leaves nothing behind.
"""

from __future__ import annotations

from typing import Final

import boto3
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from worker.aws.errors import short_line
from worker.destinations.otlp.answers import Response, verdict_of
from worker.destinations.otlp.http import NoAnswer, Receiver
from worker.destinations.otlp.receivers import Signal, receiver_of
from worker.doctor.facts import ProbeOutcome, ProbeResult
from worker.doctor.probes import Prober
from worker.logs.redaction import mask_credentials
from worker.otlp import metrics_place, traces_place
from worker.outbox.entries import DeliveryOutcome
from worker.settings.model import Settings

_DENIED: Final = frozenset({401, 403})
_MISSING: Final = 404
_THROTTLED: Final = 429

RESPONSES: Final[dict[Signal, Response]] = {
    "metrics": ExportMetricsServiceResponse,
    "traces": ExportTraceServiceResponse,
}


def probe_receivers(prober: Prober, settings: Settings, session: boto3.Session) -> None:
    """Send an empty request to each receiver that the settings name. Raises ``Misconfigured`` if
    requests are to be signed for a region that nobody has named.
    """
    places = {"metrics": metrics_place(settings), "traces": traces_place(settings)}
    secrets = [*settings.otlp_headers.values(), *settings.otlp_traces_headers.values()]
    for signal, response in RESPONSES.items():
        place = places[signal]
        if place is not None:
            receiver = receiver_of(place, signal, settings.region, session)
            found = probe_receiver(receiver, signal, response)
            shown = short_line(mask_credentials(found.detail, secrets))
            prober.note(found._replace(detail=shown))


def probe_receiver(receiver: Receiver, signal: Signal, response: Response) -> ProbeResult:
    """The outcome of an empty request."""
    action = f"otlp:{signal}"
    answer = receiver.post(b"")
    if isinstance(answer, NoAnswer):
        return ProbeResult(action, receiver.url, ProbeOutcome.UNREACHABLE, answer.words)
    verdict = verdict_of(answer, response)
    if verdict.outcome is DeliveryOutcome.APPLIED:
        return ProbeResult(action, receiver.url, ProbeOutcome.ALLOWED)
    return ProbeResult(action, receiver.url, _outcome(answer.status), verdict.words)


def _outcome(status: int) -> ProbeOutcome:
    if status in _DENIED:
        return ProbeOutcome.DENIED
    if status == _MISSING:
        return ProbeOutcome.MISSING
    return ProbeOutcome.THROTTLED if status == _THROTTLED else ProbeOutcome.OTHER
