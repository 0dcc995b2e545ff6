"""CloudWatch's sink: one attempt a call, and what is known of the request when it has ended."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.aws.sessions import any_session
from tests.outbox.outboxes import metrics
from worker.destinations.cloudwatch.sink import CloudWatchSink, cloudwatch_client, outcome_of
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome
from worker.partition.commit_outputs import Window
from worker.testing.strict_cloudwatch import CloudWatchFault, StrictCloudWatch

NOON: Final = 1_790_942_400_000
URL: Final = "https://monitoring.example"
OTHER: Final = "what answers is not CloudWatch"
BRIEF_S: Final = 0.2
SESSION: Final = any_session()


def body_of(window: Window) -> bytes:
    (draft,) = metrics(window)
    return draft.body


BODY: Final = body_of({(Series("Tokens", ()), NOON): {3: 1}})


def sink_at(url: str, timeout_s: float = 30) -> CloudWatchSink:
    client = cloudwatch_client("eu-west-1", url, session=SESSION, timeout_s=timeout_s)
    return CloudWatchSink(client, "VoiceInsights")


def answer(status: int, code: str = "Any", operation: str = "PutMetricData") -> ClientError:
    response = {
        "Error": {"Code": code, "Message": "so it is"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


# --- what an error tells


@pytest.mark.parametrize(
    "error",
    [
        answer(400, "Throttling"),
        answer(400, "ThrottlingException"),
        answer(403, "AccessDenied"),
        answer(403, "ExpiredToken"),
        answer(403, "SignatureDoesNotMatch"),
        answer(404, "ResourceNotFound"),
        answer(429, "TooManyRequestsException"),
        answer(301, "PermanentRedirect"),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL, error=OSError()),
        ProxyConnectionError(proxy_url=URL, error=OSError()),
        NoCredentialsError(),
        NoRegionError(),
    ],
    ids=str,
)
def test_a_refusal_or_a_failure_before_sending_means_not_applied(
    error: ClientError | BotoCoreError,
) -> None:
    assert outcome_of(error) is DeliveryOutcome.NOT_APPLIED


@pytest.mark.parametrize(
    "error",
    [
        answer(408, "RequestTimeout"),
        answer(500, "InternalFailure"),
        answer(502, "502"),
        answer(503, "ServiceUnavailable"),
        answer(599),
        ClientError({"Error": {"Code": "InvalidParameterValue"}}, "PutMetricData"),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        HTTPClientError(error=OSError("reset")),
        SSLError(endpoint_url=URL, error=ssl.SSLEOFError("no close_notify")),
        ResponseParserError("a proxy's page instead of an answer"),
    ],
    ids=str,
)
def test_a_failure_after_sending_means_that_nobody_knows(
    error: ClientError | BotoCoreError,
) -> None:
    assert outcome_of(error) is DeliveryOutcome.AMBIGUOUS


@pytest.mark.parametrize(
    "error",
    [
        answer(400, "InvalidParameterValue"),
        answer(400, "InvalidParameterValueException"),
        answer(400, "InvalidParameterCombination"),
        answer(400, "MissingParameter"),
        answer(400, "ValidationError"),
        answer(413, "RequestEntityTooLarge"),
        answer(413, "413"),
        ParamValidationError(report="Invalid length for parameter MetricData[0]"),
    ],
    ids=str,
)
def test_what_is_wrong_with_the_request_itself_makes_it_invalid(
    error: ClientError | BotoCoreError,
) -> None:
    assert outcome_of(error) is DeliveryOutcome.INVALID


@pytest.mark.parametrize(
    "error",
    [
        answer(400, "ValidationError", "AssumeRole"),
        answer(400, "InvalidParameterValue", "AssumeRoleWithWebIdentity"),
        answer(500, "InternalFailure", "AssumeRole"),
    ],
    ids=str,
)
def test_trouble_on_the_way_to_credentials_is_not_the_requests(error: ClientError) -> None:
    assert outcome_of(error) is DeliveryOutcome.NOT_APPLIED


@pytest.mark.parametrize(
    ("fault", "outcome", "name"),
    [
        (None, DeliveryOutcome.APPLIED, ""),
        (CloudWatchFault.THROTTLED, DeliveryOutcome.NOT_APPLIED, "Throttling"),
        (CloudWatchFault.CONNECT_TIMEOUT, DeliveryOutcome.NOT_APPLIED, "ConnectTimeoutError"),
        (CloudWatchFault.REQUEST_TIMEOUT, DeliveryOutcome.AMBIGUOUS, "RequestTimeout"),
        (CloudWatchFault.SERVER_ERROR, DeliveryOutcome.AMBIGUOUS, "InternalFailure"),
        (CloudWatchFault.SERVER_ERROR_AFTER, DeliveryOutcome.AMBIGUOUS, "InternalFailure"),
        (CloudWatchFault.READ_TIMEOUT, DeliveryOutcome.AMBIGUOUS, "ReadTimeoutError"),
        (CloudWatchFault.READ_TIMEOUT_AFTER, DeliveryOutcome.AMBIGUOUS, "ReadTimeoutError"),
    ],
)
def test_a_send_is_one_call_and_says_what_became_of_it(
    fault: CloudWatchFault | None, outcome: DeliveryOutcome, name: str
) -> None:
    api = StrictCloudWatch(lambda: NOON, [fault])
    found, told = CloudWatchSink(api, "VoiceInsights").send(BODY)
    assert found is outcome
    assert name in told
    assert api.calls == [fault]


@pytest.mark.parametrize(
    ("window", "outcome"),
    [
        ({(Series("Tokens", ()), NOON): {3: 1}}, DeliveryOutcome.TOO_OLD),
        (
            {
                (Series("Tokens", ()), NOON): {3: 1},
                (Series("Tokens", ()), NOON + 15 * 86_400_000): {3: 1},
            },
            DeliveryOutcome.INVALID,
        ),
    ],
)
def test_a_refused_request_is_too_old_if_all_of_it_is_by_the_date_of_the_refusal(
    window: Window, outcome: DeliveryOutcome
) -> None:
    api = StrictCloudWatch(lambda: NOON + 15 * 86_400_000)
    found, told = CloudWatchSink(api, "VoiceInsights").send(body_of(window))
    assert found is outcome
    assert "InvalidParameterValue: The value" in told


# --- the real client against a server


class Answering(BaseHTTPRequestHandler):
    """Answers all requests with the server's ``status`` and ``answer``, and counts them."""

    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        if self.server.status == 0:
            return  # hang up without an answer
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(NOON / 1000, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class Server(HTTPServer):
    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.status = status
        self.answer = answer
        self.requests = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that ends the handshake is what some tests want


@contextmanager
def serving(status: int, answer: bytes = b"{}", tls: Path | None = None) -> Iterator[Server]:
    with Server(status, answer) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def url_of(server: Server, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("status", "text", "sent"),
    [
        (200, b"{}", (DeliveryOutcome.APPLIED, "")),
        (500, b"{}", (DeliveryOutcome.AMBIGUOUS, "500")),
        (503, b"<html>busy</html>", (DeliveryOutcome.AMBIGUOUS, "503")),
        (
            502,
            b"Passerelle incorrecte \xe9",
            (DeliveryOutcome.AMBIGUOUS, f"{OTHER}: status 502, it begins with 'Passerelle"),
        ),
        (502, b"null", (DeliveryOutcome.AMBIGUOUS, OTHER)),
        (200, b"<!DOCTYPE html><title>Sign in</title>", (DeliveryOutcome.AMBIGUOUS, OTHER)),
        (200, b"Please sign in", (DeliveryOutcome.AMBIGUOUS, OTHER)),
        (302, b"", (DeliveryOutcome.NOT_APPLIED, OTHER)),
        (403, b"<html>Forbidden</html>", (DeliveryOutcome.NOT_APPLIED, OTHER)),
        (404, b"no such page", (DeliveryOutcome.NOT_APPLIED, OTHER)),
        (408, b"{}", (DeliveryOutcome.AMBIGUOUS, "408")),
        (429, b"{}", (DeliveryOutcome.NOT_APPLIED, "429")),
        (413, b"<html>too large</html>", (DeliveryOutcome.INVALID, "413")),
        (400, b'{"__type":"Throttling"}', (DeliveryOutcome.NOT_APPLIED, "Throttling")),
        (
            400,
            b'{"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException"}',
            (DeliveryOutcome.INVALID, "InvalidParameterValueException"),
        ),
        (0, b"", (DeliveryOutcome.AMBIGUOUS, "ConnectionClosedError")),
    ],
)
def test_one_send_makes_exactly_one_request_whatever_the_answer(
    status: int, text: bytes, sent: tuple[DeliveryOutcome, str]
) -> None:
    with serving(status, text) as server:
        outcome, told = sink_at(url_of(server)).send(BODY)
        assert outcome is sent[0]
        assert sent[1] in told
        assert (url_of(server) in told) == bool(sent[1])
        assert server.requests == 1


def test_where_nobody_listens_nothing_was_applied() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    outcome, told = sink_at(f"http://127.0.0.1:{port}").send(BODY)
    assert outcome is DeliveryOutcome.NOT_APPLIED
    assert told.startswith("EndpointConnectionError: ")
    assert f"http://127.0.0.1:{port}" in told


def test_without_an_answer_nobody_knows_and_nothing_is_sent_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        outcome, told = sink_at(url, BRIEF_S).send(BODY)
        assert outcome is DeliveryOutcome.AMBIGUOUS
        assert told.startswith("ReadTimeoutError: ")
        silent.setblocking(False)
        with closing(silent.accept()[0]):
            pass
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(tmp_path: Path) -> None:
    with serving(200, tls=self_signed(tmp_path)) as server:
        outcome, told = sink_at(url_of(server, "https")).send(BODY)
        assert outcome is DeliveryOutcome.NOT_APPLIED
        assert told.startswith("SSLError: ")
        assert server.requests == 0


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
