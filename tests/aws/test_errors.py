"""What a command tells of AWS: whose fault it is, in one line."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from click.testing import CliRunner
from urllib3.exceptions import HTTPError

from worker.aws.errors import aws_errors, expecting_an_answer
from worker.cli.main import cli
from worker.destinations.cloudwatch.requests import encode_groups
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.errors import Misconfigured, Unreachable
from worker.objectstore.s3 import Bucket
from worker.sources.kinesis.client import Kinesis
from worker.testing.moto_server import REGION

URL = "http://127.0.0.1:1"


def refused(code: str, status: int) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "a\nb"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "ListShards")


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        refused("InternalFailure", 500),
        refused("502", 502),
        refused("ThrottlingException", 400),
        refused("429", 429),
    ],
)
def test_what_can_not_answer_now_is_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable) as caught, aws_errors("s"):
        raise error
    assert "\n" not in str(caught.value)


class Failing:
    """A client whose every call fails in frames that hold the error, as urllib3's do."""

    def __init__(self) -> None:
        self.raised: list[weakref.ref[BaseException]] = []

    def __getattr__(self, _operation: str) -> Callable[..., NoReturn]:
        return self._fail

    def _fail(self, **_request: object) -> NoReturn:
        behind = [HTTPError("too late"), OSError("cut off")]
        error = ReadTimeoutError(endpoint_url=URL)
        self.raised += map(weakref.ref, (error, behind[0]))
        try:
            try:
                raise behind[1]
            except OSError as cause:
                raise behind[0] from cause
        except HTTPError as cause:
            raise error from cause


CALLS: tuple[Callable[[Any], object], ...] = (
    lambda client: Kinesis(client, "s").get_records("a", "i"),
    lambda client: Kinesis(client, "s").describe(),
    lambda client: Bucket(client, "b", "").get("key"),
    lambda client: CloudWatchSink(client, "n").send(encode_groups([])),
)


@pytest.mark.parametrize("call", CALLS)
def test_a_failed_call_leaves_nothing_that_only_the_collector_frees(
    call: Callable[[Any], object],
) -> None:
    client = Failing()
    gc.disable()
    try:
        call(client)
        assert client.raised
        assert [error for one in client.raised if (error := one()) is not None] == []
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [ResponseParserError("<html>"), KeyError("Shards")])
def test_what_answers_but_is_not_kinesis_is_unreachable(error: Exception) -> None:
    with pytest.raises(Unreachable, match="not Kinesis"), expecting_an_answer("Kinesis"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        BotoCoreError(),
        refused("ResourceNotFoundException", 400),
        refused("AccessDeniedException", 400),
        refused("UnrecognizedClientException", 400),
        refused("ValidationError", 400),
    ],
)
def test_what_only_the_operator_can_mend_is_misconfigured(error: Exception) -> None:
    with pytest.raises(Misconfigured), aws_errors("s"):
        raise error


def test_only_who_asks_for_a_stream_is_told_that_there_is_none() -> None:
    missing = refused("ResourceNotFoundException", 400)
    with pytest.raises(Misconfigured, match="no stream calls"), aws_errors("calls"):
        raise missing
    with pytest.raises(Misconfigured, match=r"a b$"), aws_errors():
        raise missing


def test_what_aws_refuses_is_told_whole() -> None:
    why = "is not authorized to do that with that stream " * 20
    answer: Any = {
        "Error": {"Code": "AccessDeniedException", "Message": f"{why}by an explicit deny"}
    }
    with pytest.raises(Misconfigured, match=r"explicit deny$"), aws_errors("s"):
        raise ClientError(answer, "ListShards")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["record s --out {folder}", "simulate --sessions 1 --into s"])
def test_where_nobody_listens_a_command_ends_as_unreachable(command: str, tmp_path: Path) -> None:
    anybody = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    arguments = command.format(folder=tmp_path / "r").split()
    done = CliRunner(env=anybody).invoke(
        cli, [*arguments, "--endpoint-url", URL, "--region", REGION]
    )
    assert isinstance(done.exception, Unreachable)
