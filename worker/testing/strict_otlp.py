"""A receiver of OTLP in memory, as strict as AWS's and as unreliable as asked.

It holds requests to the limits of CloudWatch's and X-Ray's endpoints, takes points as a store of
series does (``strict_points``) and reports what it rejects by a partial success. ``Serving`` puts
it behind HTTP on this machine.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from worker.destinations.otlp.answers import Answer
from worker.destinations.otlp.http import NoAnswer
from worker.testing.strict_points import StrictPoints

RECEIVER_POINTS: Final = 1_000
MAX_METRIC_BYTES: Final = 1_000_000
RECEIVER_SPANS: Final = 10_000
MAX_TRACE_BYTES: Final = 5_000_000
MAX_SPAN_BYTES: Final = 200_000
MAX_RANGE_NS: Final = 24 * 3_600 * 10**9
RETRY_AFTER_S: Final = 2

PROTOBUF: Final = "application/x-protobuf"
METRICS: Final = "/v1/metrics"
TRACES: Final = "/v1/traces"


class OtlpFault(Enum):
    """Ways for a request to fail; ``AFTER`` ones fail once it has been taken."""

    THROTTLED = "429, Retry-After"
    UNAVAILABLE = "503"
    UNAVAILABLE_AFTER = "503, taken"
    RESET = "connection reset"
    RESET_AFTER = "connection reset, taken"
    NO_CONNECTION = "no connection"


OTLP_APPLIES: Final = frozenset({OtlpFault.UNAVAILABLE_AFTER, OtlpFault.RESET_AFTER})


class StrictOtlp:
    """Takes requests. ``faults``: what becomes of each in turn, None for one that goes well, and
    all go well once it is exhausted. ``poison``: names of metrics that are rejected. Not safe for
    threads.
    """

    def __init__(self, faults: Iterable[OtlpFault | None] = (), poison: Iterable[str] = ()) -> None:
        self._faults = iter(faults)
        self._poison = frozenset(poison)
        self.points = StrictPoints()
        self.spans: dict[tuple[bytes, bytes], Span] = {}
        """Spans by trace and span id, each as it came last."""
        self.requests: list[str] = []
        """The path of each request so far."""
        self.received = 0
        """Points and spans that came, repeated ones included."""
        self.rejected: list[str] = []
        """Why points and spans were rejected."""

    def post(self, path: str, body: bytes) -> Answer | NoAnswer:
        """One request of protobuf, not compressed."""
        fault = next(self._faults, None)
        self.requests.append(path)
        if fault is None:
            return self._answer(path, body)
        if fault in OTLP_APPLIES:
            self._answer(path, body)
        match fault:
            case OtlpFault.THROTTLED:
                return Answer(429, {"retry-after": str(RETRY_AFTER_S)}, b"")
            case OtlpFault.UNAVAILABLE | OtlpFault.UNAVAILABLE_AFTER:
                return Answer(503, {}, b"")
            case OtlpFault.RESET | OtlpFault.RESET_AFTER:
                return NoAnswer("connection reset", was_sent=True)
            case OtlpFault.NO_CONNECTION:
                return NoAnswer("connection refused", was_sent=False)

    def _answer(self, path: str, body: bytes) -> Answer:
        take = {METRICS: self._metrics, TRACES: self._traces}.get(path)
        if take is None:
            return Answer(404, {}, b"")
        try:
            return take(body)
        except DecodeError:
            return Answer(400, {}, b"no protobuf")

    def _metrics(self, body: bytes) -> Answer:
        if len(body) > MAX_METRIC_BYTES:
            return Answer(413, {}, b"")
        request = ExportMetricsServiceRequest.FromString(body)
        metrics = [
            (resource.resource, metric)
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        points = sum(len(getattr(m, str(m.WhichOneof("data"))).data_points) for _, m in metrics)
        if points > RECEIVER_POINTS:
            return Answer(400, {}, f"{points} data points".encode())
        self.received += points
        why: list[str] = []
        for resource, metric in metrics:
            if metric.name in self._poison:
                data = getattr(metric, str(metric.WhichOneof("data")))
                why += [f"{metric.name}: poison"] * len(data.data_points)
            else:
                why += self.points.take(resource, metric)
        self.rejected += why
        response = ExportMetricsServiceResponse()
        if why:
            response.partial_success.rejected_data_points = len(why)
            response.partial_success.error_message = why[0]
        return Answer(200, {"content-type": PROTOBUF}, response.SerializeToString())

    def _traces(self, body: bytes) -> Answer:
        if len(body) > MAX_TRACE_BYTES:
            return Answer(413, {}, b"")
        request = ExportTraceServiceRequest.FromString(body)
        spans = [
            span
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        wrong = "; ".join(_wrong_with(spans))
        if wrong:
            return Answer(400, {}, wrong.encode())
        self.received += len(spans)
        for span in spans:
            self.spans[span.trace_id, span.span_id] = span
        return Answer(
            200, {"content-type": PROTOBUF}, ExportTraceServiceResponse().SerializeToString()
        )


def _wrong_with(spans: list[Span]) -> Iterator[str]:
    if len(spans) > RECEIVER_SPANS:
        yield f"{len(spans)} spans"
    ids = {(span.trace_id, span.span_id) for span in spans}
    if len(ids) < len(spans):
        yield "a span is repeated"
    for span in spans:
        if (len(span.trace_id), len(span.span_id)) != (16, 8) or not any(span.span_id):
            yield "identifiers of other lengths"
        if span.end_time_unix_nano < span.start_time_unix_nano:
            yield f"{span.name} ends before it begins"
        if span.parent_span_id and (span.trace_id, span.parent_span_id) not in ids:
            yield f"{span.name} has no parent"
        if span.ByteSize() > MAX_SPAN_BYTES:
            yield f"{span.name} has {span.ByteSize()} bytes"
    if spans:
        first = min(span.start_time_unix_nano for span in spans)
        if max(span.end_time_unix_nano for span in spans) - first > MAX_RANGE_NS:
            yield "events more than 24 h apart"


class StrictReceiver:
    """A ``Receiver`` in the same process, for one path."""

    def __init__(self, strict: StrictOtlp, path: str) -> None:
        self._strict = strict
        self._path = path

    @property
    def url(self) -> str:
        """Where it says that it is."""
        return f"http://strict.example{self._path}"

    def post(self, body: bytes) -> Answer | NoAnswer:
        """One request."""
        return self._strict.post(self._path, body)


def random_otlp_faults(random: Random, rate: float) -> Iterator[OtlpFault | None]:
    """Faults without end: each request fails with probability ``rate``, in any of the ways."""
    every = list(OtlpFault)
    while True:
        yield random.choice(every) if random.random() < rate else None


class Serving:
    """A receiver over HTTP on a free port of this machine, until the ``with`` block ends.

    ``accepts``: whether a request with these headers (in lower case) is let in; else it is 401.
    """

    def __init__(
        self,
        strict: StrictOtlp,
        accepts: Callable[[Mapping[str, str], bytes], bool] = lambda _headers, _body: True,
    ) -> None:
        self.headers: list[Mapping[str, str]] = []
        """The headers of each request so far, by names in lower case."""
        serving = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                serving.headers.append(headers)
                if not accepts(headers, body):
                    answer: Answer | NoAnswer = Answer(401, {}, b"who are you?")
                else:
                    answer = _unpacked(strict, self.path, headers, body)
                if isinstance(answer, NoAnswer):
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self.endpoint: Final = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Serving:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _unpacked(
    strict: StrictOtlp, path: str, headers: Mapping[str, str], body: bytes
) -> Answer | NoAnswer:
    if headers.get("content-type") != PROTOBUF:
        return Answer(415, {}, b"")
    try:
        plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    except (OSError, zlib.error):
        return Answer(400, {}, b"no gzip")
    return strict.post(path, plain)
