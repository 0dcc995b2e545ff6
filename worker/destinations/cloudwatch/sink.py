"""The CloudWatch sink: one PutMetricData call per attempt, and the classification of its outcome.

By default boto3 retries timeouts and server errors, and each silent retry of a request that was
applied after all counts its minute twice. So its retries are off; the sender's own retries keep
account of what they do.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
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

from worker.aws.answers import NotTheService
from worker.aws.clients import MALFORMED_RESPONSE, client_errors, endpoint_of
from worker.aws.errors import drop_tracebacks, not_of, words_of
from worker.destinations.cloudwatch.requests import Group, all_too_old, decode_groups
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
_REFUSED_FROM: Final = 300
_TIMED_OUT: Final = 408
_OUT_OF_ORDER: Final = 500
_BEFORE_SENDING: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)


class MetricsApi(Protocol):
    """The method of a CloudWatch client that is used."""

    def put_metric_data(self, **arguments: Any) -> object:
        """Make one request. Raises what boto3 raises."""
        ...


def cloudwatch_client(
    region: str | None,
    endpoint_url: str | None,
    *,
    session: boto3.Session,
    timeout_s: float,
) -> MetricsApi:
    """Return a client that makes exactly one attempt per call.

    ``session``: the one whose credentials it uses. ``timeout_s``: for the connection, and again for
    the answer. Raises Misconfigured if no client can be made.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
    )
    with client_errors("CloudWatch"):
        client = session.client(
            "cloudwatch", region_name=region, endpoint_url=endpoint_url, config=config
        )
    return cast("MetricsApi", client)


class CloudWatchSink:
    """Sends metrics entries to one namespace."""

    def __init__(self, client: MetricsApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._address = endpoint_of(client)

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """See ``Sink.send``. A request that CloudWatch calls invalid is too old if its own date
        says so.
        """
        groups = decode_groups(body)
        datums = [datum for group in groups for datum in group]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=datums)
        except (ClientError, BotoCoreError, NotTheService) as error:
            drop_tracebacks(error)
            outcome = outcome_of(error)
            if outcome is DeliveryOutcome.INVALID and _refused_for_age(error, groups):
                outcome = DeliveryOutcome.TOO_OLD
            named = f"{type(error).__name__}: " if isinstance(error, BotoCoreError) else ""
            return outcome, self._located(f"{named}{words_of(error)}")
        except (ResponseParserError, *MALFORMED_RESPONSE) as error:
            drop_tracebacks(error)
            return DeliveryOutcome.AMBIGUOUS, self._located(not_of("CloudWatch", error))
        return DeliveryOutcome.APPLIED, ""

    def _located(self, words: str) -> str:
        known = not self._address or self._address in words
        return words if known else f"{words} (at {self._address})"


def _refused_for_age(error: Exception, groups: list[Group]) -> bool:
    """Whether all of the request is too old by the date of the answer that calls it invalid."""
    if not isinstance(error, ClientError):
        return False
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        date = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return False
    return all_too_old(groups, round(date.timestamp() * 1000))


def outcome_of(error: ClientError | BotoCoreError | ResponseParserError) -> DeliveryOutcome:
    """Return what a failed call reveals about the request.

    A 4xx other than 408, or a failure before the request was sent: not applied. A timeout, a
    connection lost after sending, 408 or 5xx: unknown.
    """
    if isinstance(error, ClientError):
        if error.operation_name != "PutMetricData":  # a call for credentials, made before this one
            return DeliveryOutcome.NOT_APPLIED
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(error.response.get("Error", {}).get("Code", ""))
        known = _by_status(status)
        refused = known is DeliveryOutcome.NOT_APPLIED
        return DeliveryOutcome.INVALID if refused and code in _INVALID else known
    if isinstance(error, NotTheService):
        return _by_status(error.status)
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


def _by_status(status: int) -> DeliveryOutcome:
    """Return what a status alone reveals, whoever answered; 0: no status is known."""
    if status == _TOO_LARGE:
        return DeliveryOutcome.INVALID
    refused = _REFUSED_FROM <= status < _OUT_OF_ORDER and status != _TIMED_OUT
    return DeliveryOutcome.NOT_APPLIED if refused else DeliveryOutcome.AMBIGUOUS


def _distrusts(error: BaseException) -> bool:
    """Whether the server's certificate was refused, so that no request was sent. Any other TLS
    failure may have occurred while the answer was read.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
