"""CloudWatch: one PutMetricData call an attempt, and what is known when it has ended.

boto3 retries timeouts and server errors by default, and each silent retry of a request that
was applied after all counts its minute twice. So its retries are off; the sender's own know
what they do.
"""

from __future__ import annotations

from ssl import SSLCertVerificationError
from typing import Any, Final, Protocol, cast

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from worker.aws.clients import NO_ANSWER, making_a_client
from worker.destinations.cloudwatch.requests import decode_groups
from worker.outbox.entries import DeliveryOutcome

_INVALID: Final = frozenset(
    {
        "InvalidFormat",
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "MissingParameter",
        "MissingRequiredParameterException",
        "RequestEntityTooLarge",
        "SerializationException",
        "ValidationError",
        "ValidationException",
    }
)
_TOO_LARGE: Final = 413
_BEFORE_SENDING: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class MetricsApi(Protocol):
    """What is needed of a CloudWatch client."""

    def put_metric_data(self, **arguments: Any) -> object:
        """One request. Raises what boto3 raises."""
        ...


def cloudwatch_client(
    region: str | None,
    endpoint_url: str | None,
    *,
    session: boto3.Session | None = None,
    timeout_s: float,
) -> MetricsApi:
    """A client that makes exactly one attempt a call.

    ``session``: whose credentials it uses, boto3's default one's if None. ``timeout_s``: for
    the connection, and again for the answer. Raises Misconfigured if there can be none.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
    )
    with making_a_client("CloudWatch"):
        client = (session or boto3).client(
            "cloudwatch", region_name=region, endpoint_url=endpoint_url, config=config
        )
    return cast("MetricsApi", client)


class CloudWatchSink:
    """Sends metrics entries to one namespace."""

    def __init__(self, client: MetricsApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Make one attempt; its outcome, and the error's name or an empty text."""
        datums = [datum for group in decode_groups(body) for datum in group]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=datums)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            return outcome_of(error), _name(error)
        except NO_ANSWER as error:
            return DeliveryOutcome.AMBIGUOUS, f"no CloudWatch answer: {type(error).__name__}"
        return DeliveryOutcome.APPLIED, ""


def outcome_of(error: ClientError | BotoCoreError | ResponseParserError) -> DeliveryOutcome:
    """What a failed call tells of the request.

    A 4xx but 408, or a failure before the request was sent: not applied. A timeout, a
    connection lost after sending, 408 or 5xx: nobody knows.
    """
    if isinstance(error, ClientError):
        if error.operation_name != "PutMetricData":  # a call for credentials, made before it
            return DeliveryOutcome.NOT_APPLIED
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status in (0, 408) or status >= 500:
            return DeliveryOutcome.AMBIGUOUS
        invalid = status == _TOO_LARGE or _name(error) in _INVALID
        return DeliveryOutcome.INVALID if invalid else DeliveryOutcome.NOT_APPLIED
    if isinstance(error, ParamValidationError):
        return DeliveryOutcome.INVALID
    if isinstance(error, SSLError):
        return DeliveryOutcome.NOT_APPLIED if _distrusts(error) else DeliveryOutcome.AMBIGUOUS
    if isinstance(error, (HTTPClientError, ResponseParserError)):
        return (
            DeliveryOutcome.NOT_APPLIED
            if isinstance(error, _BEFORE_SENDING)
            else DeliveryOutcome.AMBIGUOUS
        )
    # no credentials, no region: nothing left the process
    return DeliveryOutcome.NOT_APPLIED


def _distrusts(error: BaseException) -> bool:
    """Whether the server's certificate was refused, so that no request was sent. Any other
    failure of TLS may as well have come while the answer was read.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _name(error: ClientError | BotoCoreError | ResponseParserError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__
