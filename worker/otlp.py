"""From the settings to the destinations that speak OpenTelemetry's protocol, OTLP.

Only whoever has them needs the package of OTLP's messages, so nothing else imports this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import boto3

from worker.aws.errors import short_line
from worker.destinations.otlp.metrics import CUMULATIVE_KIND, DELTA_KIND, MetricRequests
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.receivers import Place, receiver_of
from worker.destinations.otlp.resource import resource_of
from worker.destinations.otlp.sink import MetricSink, TraceSink
from worker.destinations.otlp.traces import TRACE_KIND, TraceRequests, TraceSelection
from worker.logs.redaction import mask_credentials
from worker.outbox.destination import Destination
from worker.outbox.entries import EntryKind
from worker.settings.model import Settings

_SERVICE: Final = "voice-insights"

Further = Callable[[str], Mapping[EntryKind, Destination]]
"""The destinations that get the samples of an instance, by its name."""


def metrics_place(settings: Settings) -> Place | None:
    """Where metrics go over OTLP; None if they don't."""
    if "otlp" not in settings.sink or settings.otlp_endpoint is None:
        return None
    return _place(settings, settings.otlp_endpoint, settings.otlp_headers)


def traces_place(settings: Settings) -> Place | None:
    """Where traces go over OTLP; None if they don't."""
    if settings.traces == "off":
        return None
    if settings.otlp_traces_endpoint is not None:
        headers = settings.otlp_traces_headers or settings.otlp_headers
        return _place(settings, settings.otlp_traces_endpoint, headers)
    if settings.otlp_endpoint is None:
        return None
    return _place(settings, settings.otlp_endpoint, settings.otlp_headers)


def further_of(
    settings: Settings, session: boto3.Session, monotonic: Callable[[], float]
) -> Further:
    """The destinations over OTLP. ``monotonic`` gives seconds. Raises ``Misconfigured`` if requests
    are to be signed for a region that nobody has named.
    """
    names = MetricNames(settings.dimensions)
    metrics, traces = metrics_place(settings), traces_place(settings)
    points = metrics and receiver_of(metrics, "metrics", settings.region, session)
    spans = traces and receiver_of(traces, "traces", settings.region, session)
    selection = None if spans is None else selection_of(settings)
    secrets = [*settings.otlp_headers.values(), *settings.otlp_traces_headers.values()]

    def masked(text: str) -> str:
        return short_line(mask_credentials(text, secrets))

    def of(instance: str) -> dict[EntryKind, Destination]:
        resource = resource_of(_resource(settings, instance))
        found: dict[EntryKind, Destination] = {}
        if points is not None:
            temporality = settings.otlp_temporality
            cumulative = temporality == "cumulative"
            found[CUMULATIVE_KIND if cumulative else DELTA_KIND] = Destination(
                MetricRequests(names, temporality, selection),
                MetricSink(points, names, resource, temporality, monotonic, masked),
                "resend" if cumulative else settings.on_ambiguous,
                in_order=True,
            )
        if spans is not None:
            sink = TraceSink(spans, resource, settings.traces_application, monotonic, masked)
            found[TRACE_KIND] = Destination(
                TraceRequests(selection_of(settings)), sink, in_order=True
            )
        return found

    return of


def selection_of(settings: Settings) -> TraceSelection:
    """Which closed sessions become traces."""
    match settings.traces:
        case "slow":
            return TraceSelection(slow_ms=settings.traces_slow_ms)
        case "all" | "off":
            return TraceSelection()
        case share:
            return TraceSelection(share)


def _place(settings: Settings, endpoint: str, headers: Mapping[str, str]) -> Place:
    return Place(
        endpoint,
        headers,
        settings.otlp_auth,
        settings.otlp_compression,
        settings.otlp_timeout_s,
    )


def _resource(settings: Settings, instance: str) -> dict[str, str]:
    """Return the attributes that name the worker; the operator's own take precedence."""
    named = {
        "service.name": _SERVICE,
        "service.instance.id": str(uuid5(NAMESPACE_URL, instance)),
    }
    if settings.region is not None:
        named |= {"cloud.provider": "aws", "cloud.region": settings.region}
    return named | settings.otlp_resource
