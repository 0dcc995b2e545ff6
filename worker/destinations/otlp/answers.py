"""Classifies the answers of an OTLP receiver by what they say about the request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from worker.backoff import retry_after_s
from worker.outbox.entries import DeliveryOutcome
from worker.printable import escaped_line

LONGEST_PAUSE_S: Final = 300.0
"""The longest pause (s) before the next attempt, even if the receiver asks for a longer one."""

_OK: Final = range(200, 300)
_INVALID: Final = frozenset({400, 413})
_THROTTLED: Final = frozenset({408, 429})
_REFUSED: Final = range(300, 500)
_SHOWN: Final = 4096
"""The most characters shown of an answer; cut only after credentials in it are masked."""

Response = type[ExportMetricsServiceResponse] | type[ExportTraceServiceResponse]
"""The type of a receiver's answer to metrics, or to traces."""


class Answer(NamedTuple):
    """An answer over HTTP. ``headers``: by name, in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OtlpVerdict(NamedTuple):
    """The outcome of a request, the reason of a failure in words, and the pause (s) that the
    receiver asks for. ``rejected``: how many points or spans of a request accepted in part.
    """

    outcome: DeliveryOutcome
    words: str = ""
    pause_s: float = 0.0
    rejected: int = 0


def verdict_of(answer: Answer, response: Response) -> OtlpVerdict:
    """Classify an answer. A 2xx is decoded, since it may report a partial success, which counts as
    invalid. 400 and 413: invalid. Any other 3xx or 4xx, 408 and 429 included: not applied. A 5xx,
    or a 2xx that no receiver of OTLP gives: unknown.
    """
    if answer.status in _OK:
        return _of_200(answer, response)
    words = f"HTTP {answer.status}{_reason(answer)}"
    if answer.status in _INVALID:
        return OtlpVerdict(DeliveryOutcome.INVALID, words)
    if answer.status in _REFUSED:
        if answer.status not in _THROTTLED:
            words = f"{words}: see otlp_endpoint and otlp_auth"
        return OtlpVerdict(DeliveryOutcome.NOT_APPLIED, words, asked_pause_s(answer))
    return OtlpVerdict(DeliveryOutcome.AMBIGUOUS, words, asked_pause_s(answer))


def asked_pause_s(answer: Answer) -> float:
    """Return the pause (s) that an answer asks for, at most ``LONGEST_PAUSE_S``."""
    return min(retry_after_s(answer.headers), LONGEST_PAUSE_S)


def _of_200(answer: Answer, response: Response) -> OtlpVerdict:
    partial: ExportTracePartialSuccess | object
    try:
        partial = _read(answer, response).partial_success
    except (DecodeError, ParseError, UnicodeDecodeError):
        what = f"what answers is no receiver of OTLP: HTTP 200{_shown(answer.body)}"
        return OtlpVerdict(DeliveryOutcome.AMBIGUOUS, what)
    rejected = getattr(partial, _REJECTED[response])
    if rejected <= 0:
        return OtlpVerdict(DeliveryOutcome.APPLIED)
    message = escaped_line(getattr(partial, "error_message", ""))[:_SHOWN]
    words = f"{rejected} of it rejected: {message}"
    return OtlpVerdict(DeliveryOutcome.INVALID, words, rejected=rejected)


def _read(
    answer: Answer, response: Response
) -> ExportMetricsServiceResponse | ExportTraceServiceResponse:
    if "json" in answer.headers.get("content-type", ""):
        text = answer.body.decode() or "{}"
        return Parse(text, response(), ignore_unknown_fields=True)
    return response.FromString(answer.body)


_REJECTED: Final[dict[Response, str]] = {
    ExportMetricsServiceResponse: "rejected_data_points",
    ExportTraceServiceResponse: "rejected_spans",
}


def _reason(answer: Answer) -> str:
    """Return the text of a refusal: the message of a ``google.rpc.Status``, or the body."""
    if "protobuf" not in answer.headers.get("content-type", ""):
        return _shown(answer.body)
    try:
        # on the wire a Status begins as this does: a number, then a text
        message = ExportTracePartialSuccess.FromString(answer.body).error_message
    except DecodeError:
        return ""
    return _shown(message.encode())


def _shown(text: bytes) -> str:
    words = escaped_line(" ".join(text[:_SHOWN].decode(errors="replace").split()))
    return f": {words}" if words else ""
