"""What an answer of an OTLP receiver says about the request. Pure."""

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
"""A receiver that asks for a longer pause is asked again after this one."""

_OK: Final = range(200, 300)
_INVALID: Final = frozenset({400, 413})
_THROTTLED: Final = frozenset({408, 429})
_REFUSED: Final = range(300, 500)
_SHOWN: Final = 4096
"""Characters of an answer's words: cut short only after credentials in them are masked."""

Response = type[ExportMetricsServiceResponse] | type[ExportTraceServiceResponse]
"""What a receiver answers to metrics, or to traces."""


class Answer(NamedTuple):
    """An answer over HTTP. ``headers``: by names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OtlpVerdict(NamedTuple):
    """What is known of a request, in words why it failed, and for how long (s) to ask no more.
    ``rejected``: how many points or spans of a request that was taken in part.
    """

    outcome: DeliveryOutcome
    words: str = ""
    pause_s: float = 0.0
    rejected: int = 0


def verdict_of(answer: Answer, response: Response) -> OtlpVerdict:
    """A 2xx is read whole, for it may have taken a part only, and is invalid then. 400 and 413:
    invalid. Any other 3xx and 4xx, 408 and 429 among them: not applied. A 5xx, or a 2xx that no
    receiver of OTLP gives: nobody knows.
    """
    if answer.status in _OK:
        return _of_200(answer, response)
    words = f"HTTP {answer.status}{_told(answer)}"
    if answer.status in _INVALID:
        return OtlpVerdict(DeliveryOutcome.INVALID, words)
    if answer.status in _REFUSED:
        if answer.status not in _THROTTLED:
            words = f"{words}: see otlp_endpoint and otlp_auth"
        return OtlpVerdict(DeliveryOutcome.NOT_APPLIED, words, asked_pause_s(answer))
    return OtlpVerdict(DeliveryOutcome.AMBIGUOUS, words, asked_pause_s(answer))


def asked_pause_s(answer: Answer) -> float:
    """For how long (s) an answer asks for nothing more, at most ``LONGEST_PAUSE_S``."""
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


def _told(answer: Answer) -> str:
    """The words of a refusal: of a ``google.rpc.Status``, its message."""
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
