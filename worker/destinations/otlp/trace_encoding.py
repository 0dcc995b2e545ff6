"""Traces as the body of an OTLP request. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as EncodedSpan

from worker.destinations.otlp.resource import NANOS, SCOPE, key_values
from worker.destinations.otlp.spans import ApplicationOperation, Span, Trace, trace_of
from worker.sessions.record import decode_record


def encode_traces(body: bytes, resource: Resource, application: ApplicationOperation) -> bytes:
    """Encode a traces entry as protobuf: the spans of each record in it."""
    spans = [
        span
        for line in body.splitlines()
        for span in _encoded(trace_of(decode_record(line), application))
    ]
    scope = ScopeSpans(scope=SCOPE, spans=spans)
    request = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope])]
    )
    return request.SerializeToString(deterministic=True)


def _encoded(trace: Trace) -> Iterator[EncodedSpan]:
    return (_span(trace.trace_id, span) for span in trace.spans)


def _span(trace_id: bytes, span: Span) -> EncodedSpan:
    return EncodedSpan(
        trace_id=trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=EncodedSpan.SPAN_KIND_CLIENT if span.is_client else EncodedSpan.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start * NANOS,
        end_time_unix_nano=span.end * NANOS,
        attributes=key_values(sorted(span.attributes.items())),
        events=[
            EncodedSpan.Event(
                time_unix_nano=event.at * NANOS,
                name=event.name,
                attributes=key_values(sorted(event.attributes.items())),
            )
            for event in span.events
        ],
        status=None
        if span.error is None
        else Status(code=Status.STATUS_CODE_ERROR, message=span.error),
    )
