"""Answers that are not the service's, with whatever status, are told as such by every client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from tests.aws.sessions import any_session
from worker.aws.answers import NotTheService
from worker.aws.clients import no_retry_config
from worker.cli.main import cli
from worker.errors import Unreachable
from worker.objectstore.api import StoreFailure, StoreFailureKind
from worker.objectstore.s3 import Bucket
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.client import Kinesis
from worker.sources.kinesis.reader import describe_stream
from worker.stream.position import HEAD
from worker.testing.moto_server import REGION

PAGES = [
    b"<!DOCTYPE html><html><body>Sign in to the network</body></html>",
    b"\n<!-- portal --><HTML><head></head></HTML>",
    b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html xmlns="y"></html>',
    b"Please sign in first",
    b"\xff\xd8\xff\xe0 a picture",
]
STATUSES = [200, 302, 401, 403, 404, 407, 412, 503]


@contextmanager
def answering(status: int, body: bytes, kind: str = "text/html") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if not name.startswith("do_"):
                raise AttributeError(name)
            return self.do_POST

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def client_at(url: str, service: str) -> Any:
    more = {"s3": {"addressing_style": "path"}} if service == "s3" else {}
    return any_session().client(
        service, region_name=REGION, endpoint_url=url, config=no_retry_config(1, **more)
    )


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", PAGES)
def test_a_page_is_no_answer_of_kinesis_whatever_is_asked(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        kinesis = Kinesis(client_at(url, "kinesis"), "s", address=url)
        calls: list[Callable[[], object]] = [
            kinesis.describe,
            lambda: kinesis.shard_iterator("a", HEAD),
            lambda: kinesis.get_records("a", "i"),
        ]
        for call in calls:
            failure = call()
            assert isinstance(failure, StreamFailure)
            assert failure.kind is StreamFailureKind.UNAVAILABLE
            assert failure.detail.startswith(f"what answers is not Kinesis: status {status}")
            assert url in failure.detail


def test_a_start_that_finds_a_page_ends_as_out_of_reach_and_says_what_is_there() -> None:
    with answering(200, PAGES[0]) as url, pytest.raises(Unreachable) as caught:
        describe_stream(Kinesis(client_at(url, "kinesis"), "s", address=url), lambda _: None)
    assert "what answers is not Kinesis" in str(caught.value)
    assert url in str(caught.value)


@pytest.mark.parametrize(
    "command", ["simulate --sessions 1 --into s", "infra render --baseline 2d --out -"]
)
@pytest.mark.parametrize("status", [200, 302, 403, 404])
def test_commands_that_find_a_page_end_as_out_of_reach(command: str, status: int) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    with answering(status, PAGES[0]) as url:
        asked = [*command.split(), "--endpoint-url", url, "--region", REGION]
        done = CliRunner(env=environ).invoke(cli, asked)
    assert isinstance(done.exception, Unreachable)
    assert str(done.exception).startswith("what answers is not")
    assert url in str(done.exception)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", PAGES)
def test_a_page_is_no_answer_of_s3_and_never_an_empty_bucket(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        bucket = Bucket(client_at(url, "s3"), "bucket", "state")
        calls: list[Callable[[], object]] = [
            lambda: bucket.get("manifest"),
            lambda: bucket.put("manifest", b"x", None),
            lambda: bucket.delete("manifest"),
            lambda: bucket.keys(""),
        ]
        for call in calls:
            failure = call()
            assert isinstance(failure, StoreFailure)
            assert failure.kind is StoreFailureKind.UNKNOWN
            assert failure.detail.startswith("what answers is not S3")
            assert url in failure.detail


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", PAGES)
def test_a_page_is_no_answer_of_cloudwatch(status: int, body: bytes) -> None:
    with answering(status, body) as url, pytest.raises(NotTheService) as caught:
        client_at(url, "cloudwatch").put_metric_data(Namespace="N", MetricData=[])
    assert caught.value.status == status
    assert str(caught.value).startswith("what answers is not CloudWatch")


@pytest.mark.parametrize(
    ("service", "status", "body", "code"),
    [
        ("kinesis", 400, b'{"__type":"ResourceNotFoundException","message":"m"}', "Resource"),
        ("s3", 404, b"<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>", "NoSuchB"),
        ("s3", 503, b"", "503"),
        ("kinesis", 503, b"", "503"),
    ],
)
def test_what_the_service_says_is_left_as_it_is(
    service: str, status: int, body: bytes, code: str
) -> None:
    with answering(status, body, "application/xml") as url:
        client = client_at(url, service)
        with pytest.raises(ClientError, match=code):
            client.list_streams() if service == "kinesis" else client.list_objects_v2(Bucket="b")
