"""CloudWatch's PutMetricData in memory, as strict as the service, with faults on request.

Emulators don't enforce CloudWatch's limits, and never fail. This one parses the body that botocore
would send, enforces the service's limits, and keeps the samples that it accepts. One invalid datum
makes it reject the whole request.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from enum import Enum
from functools import cache
from random import Random
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)
from botocore.serialize import create_serializer
from botocore.session import Session

from worker.times.minutes import minute_of

SERVICE_MAX_DATUMS: Final = 1000
SERVICE_MAX_BYTES: Final = 1_000_000
MAX_VALUES: Final = 150
MAX_DIMENSIONS: Final = 30
LARGEST: Final = 2.0**360
PAST_MS: Final = 14 * 86_400_000
FUTURE_MS: Final = 2 * 3_600_000

_SIZES: Final = [
    f"{prefix}{unit}" for prefix in ("", "Kilo", "Mega", "Giga", "Tera") for unit in ("byte", "bit")
]
_AMOUNTS: Final = [*(f"{size.capitalize()}s" for size in _SIZES), "Count"]
UNITS: Final = frozenset(
    {
        *("Seconds", "Microseconds", "Milliseconds", "Percent", "None"),
        *_AMOUNTS,
        *(f"{amount}/Second" for amount in _AMOUNTS),
    }
)

_NAMESPACE: Final = re.compile(r"(?!AWS/)(?!:)(?=.*\S)[A-Za-z0-9._/#: -]{1,255}")
_PRINTABLE: Final = re.compile(r"(?=.*\S)[ -~]+")
_URL: Final = "https://monitoring.example"

StrictDimensions = tuple[tuple[str, str], ...]
Key = tuple[str, StrictDimensions, int]
"""A metric's name, its dimensions by name in ascending order, and a minute (epoch ms)."""


class CloudWatchFault(Enum):
    """Ways for a call to fail; ``AFTER`` ones fail once the request has been applied."""

    THROTTLED = "400 Throttling"
    REQUEST_TIMEOUT = "408"
    SERVER_ERROR = "500"
    SERVER_ERROR_AFTER = "500, applied"
    READ_TIMEOUT = "read timeout"
    READ_TIMEOUT_AFTER = "read timeout, applied"
    CONNECT_TIMEOUT = "connect timeout"


APPLIES: Final = frozenset({CloudWatchFault.SERVER_ERROR_AFTER, CloudWatchFault.READ_TIMEOUT_AFTER})


class StrictCloudWatch:
    """Accepts PutMetricData requests. ``clock`` gives epoch ms; ``faults`` yields each call's
    fault in turn, None for a call without one; once it is exhausted all calls succeed.

    ``StatisticValues`` and ``EntityMetricData`` are not supported. Not safe for threads.
    """

    def __init__(
        self, clock: Callable[[], int], faults: Iterable[CloudWatchFault | None] = ()
    ) -> None:
        self._clock = clock
        self._faults = iter(faults)
        self.kept: dict[Key, dict[float, int]] = {}
        """The accepted samples: values with their counts."""
        self.calls: list[CloudWatchFault | None] = []
        """The fault of each call so far; a rejected call has none."""

    def put_metric_data(self, **arguments: Any) -> object:
        """Handle one request. Raises boto3's errors."""
        body = _serialised(arguments)
        fault = next(self._faults, None)
        self.calls.append(fault)
        if fault is None or fault in APPLIES:
            self._accept_by_now(body)
        if fault is not None:
            raise _error_of(fault)
        return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}

    def _accept_by_now(self, body: bytes) -> None:
        try:
            self._accept(body)
        except ClientError as error:
            date = formatdate(self._clock() / 1000, usegmt=True)
            error.response["ResponseMetadata"]["HTTPHeaders"] = {"date": date}
            raise

    def _accept(self, body: bytes) -> None:
        if len(body) > SERVICE_MAX_BYTES:
            raise _rejection("RequestEntityTooLarge", f"{len(body)} bytes", 413)
        request = json.loads(body)
        if not _NAMESPACE.fullmatch(request["Namespace"]):
            raise _invalid("Namespace", request["Namespace"])
        data = request.get("MetricData")
        if not data:
            raise _rejection("MissingParameter", "MetricData")
        if len(data) > SERVICE_MAX_DATUMS:
            raise _invalid("MetricData", f"{len(data)} datums")
        now = self._clock()
        checked = [_checked(datum, now) for datum in data]
        for key, values in checked:
            kept = self.kept.setdefault(key, {})
            for value, count in values:
                kept[value] = kept.get(value, 0) + count


def random_faults(random: Random, rate: float) -> Iterator[CloudWatchFault | None]:
    """An endless series of faults: each call fails with probability ``rate``, in a random way."""
    every = list(CloudWatchFault)
    while True:
        yield random.choice(every) if random.random() < rate else None


def _checked(datum: dict[str, Any], now: int) -> tuple[Key, list[tuple[float, int]]]:
    _check_text("MetricName", datum["MetricName"], 255)
    if datum.get("Unit", "None") not in UNITS:
        raise _invalid("Unit", datum["Unit"])
    at = round(datum["Timestamp"] * 1000) if "Timestamp" in datum else now
    if not now - PAST_MS <= at <= now + FUTURE_MS:
        raise _invalid("Timestamp", datum["Timestamp"])
    key = datum["MetricName"], _dimensions(datum.get("Dimensions", [])), minute_of(at)
    return key, _values(datum)


def _dimensions(dimensions: list[dict[str, str]]) -> StrictDimensions:
    if len(dimensions) > MAX_DIMENSIONS:
        raise _invalid("Dimensions", f"{len(dimensions)} of them")
    for one in dimensions:
        _check_text("Dimensions.Name", one["Name"], 255)
        _check_text("Dimensions.Value", one["Value"], 1024)
        if one["Name"].startswith(":"):
            raise _invalid("Dimensions.Name", one["Name"])
    by_name = {one["Name"]: one["Value"] for one in dimensions}
    if len(by_name) < len(dimensions):
        raise _invalid("Dimensions", "a name is repeated")
    return tuple(sorted(by_name.items()))


def _values(datum: dict[str, Any]) -> list[tuple[float, int]]:
    if "StatisticValues" in datum:
        raise NotImplementedError("StatisticValues")
    if ("Value" in datum) == ("Values" in datum):
        raise _rejection("InvalidParameterCombination", "one of Value and Values")
    if "Value" in datum:
        if "Counts" in datum:
            raise _rejection("InvalidParameterCombination", "Value with Counts")
        return [(_number("Value", datum["Value"]), 1)]
    values = [_number("Values", value) for value in datum["Values"]]
    counts = [_number("Counts", count) for count in datum.get("Counts", [1] * len(values))]
    if not 0 < len(values) <= MAX_VALUES:
        raise _invalid("Values", f"{len(values)} of them")
    if len(counts) != len(values):
        raise _invalid("Counts", f"{len(counts)} for {len(values)} values")
    if any(count <= 0 or count % 1 for count in counts):
        raise _invalid("Counts", "not a positive whole number")
    return [(value, int(count)) for value, count in zip(values, counts, strict=True)]


def _number(name: str, value: float | str) -> float:
    # botocore writes a number that isn't finite as a string
    if isinstance(value, str) or not math.isfinite(value) or abs(value) > LARGEST:
        raise _invalid(name, value)
    return value


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest or not _PRINTABLE.fullmatch(text):
        raise _invalid(name, text)


def _invalid(name: str, value: object) -> ClientError:
    return _rejection("InvalidParameterValue", f"The value {value} for {name} is invalid.")


def _rejection(code: str, message: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "PutMetricData",
    )


def _error_of(fault: CloudWatchFault) -> ClientError | BotoCoreError:
    match fault:
        case CloudWatchFault.CONNECT_TIMEOUT:
            return ConnectTimeoutError(endpoint_url=_URL)
        case CloudWatchFault.READ_TIMEOUT | CloudWatchFault.READ_TIMEOUT_AFTER:
            return ReadTimeoutError(endpoint_url=_URL)
        case CloudWatchFault.THROTTLED:
            return _rejection("Throttling", "Rate exceeded")
        case CloudWatchFault.REQUEST_TIMEOUT:
            return _rejection("RequestTimeout", "The request took too long.", 408)
        case _:
            return _rejection("InternalFailure", "Internal failure", 500)


@cache
def _operation() -> Any:
    return Session().get_service_model("cloudwatch").operation_model("PutMetricData")


def _serialised(arguments: dict[str, Any]) -> bytes:
    """The body that botocore sends, before compression. Raises ``ParamValidationError``."""
    operation = _operation()
    body: bytes = create_serializer("json").serialize_to_request(arguments, operation)["body"]
    return body
