"""The strict CloudWatch: what the service takes, what it refuses, and the ways it fails."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from random import Random
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    ParamValidationError,
    ReadTimeoutError,
)

from worker.testing.strict_cloudwatch import CloudWatchFault, StrictCloudWatch, random_faults
from worker.times.rfc3339 import format_ms

NOW = 1_790_942_460_000
MINUTE = 60_000
DAY = 86_400_000
HOUR = 3_600_000


def strict(faults: Iterable[CloudWatchFault | None] = ()) -> StrictCloudWatch:
    return StrictCloudWatch(lambda: NOW, faults)


def datum(**changed: Any) -> dict[str, Any]:
    whole = {
        "MetricName": "Tokens",
        "Dimensions": [{"Name": "Language", "Value": "en-US"}],
        "Timestamp": format_ms(NOW),
        "Unit": "Count",
        "Values": [3, 7],
        "Counts": [2, 1],
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def dimensions(count: int) -> list[dict[str, str]]:
    return [{"Name": f"d{n}", "Value": "v"} for n in range(count)]


def put(api: StrictCloudWatch, *data: dict[str, Any], namespace: str = "Ns") -> None:
    api.put_metric_data(Namespace=namespace, MetricData=list(data))


def refusal(*data: dict[str, Any], namespace: str = "Ns") -> tuple[int, str]:
    api = strict()
    with pytest.raises(ClientError) as caught:
        put(api, *data, namespace=namespace)
    assert api.kept == {}
    response = caught.value.response
    assert caught.value.operation_name == "PutMetricData"
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


INVALID = (400, "InvalidParameterValue")
COMBINATION = (400, "InvalidParameterCombination")


def test_what_it_takes_it_keeps_by_series_and_minute() -> None:
    api = strict()
    put(api, datum(), datum(Timestamp=format_ms(NOW + 59_999), Values=[7], Counts=[4]))
    put(api, datum(Dimensions=None, Values=None, Counts=None, Value=1.5))
    assert api.kept == {
        ("Tokens", (("Language", "en-US"),), NOW): {3: 2, 7: 5},
        ("Tokens", (), NOW): {1.5: 1},
    }
    assert api.calls == [None, None]


@pytest.mark.parametrize(
    "changed",
    [
        {"Values": list(range(150)), "Counts": [1] * 150},
        {"Dimensions": dimensions(30)},
        {"Dimensions": [{"Name": "n" * 255, "Value": "v" * 1024}]},
        {"Timestamp": format_ms(NOW - 14 * DAY)},
        {"Timestamp": format_ms(NOW + 2 * HOUR)},
        {"Unit": "Terabits/Second"},
        {"Counts": None},
        {"Values": [2.0**360]},
        {"MetricName": "m" * 255},
    ],
)
def test_what_is_just_within_a_limit_is_taken(changed: dict[str, Any]) -> None:
    if len(changed.get("Values", ())) == 1:
        changed = {**changed, "Counts": [1]}
    api = strict()
    put(api, datum(**changed))
    assert len(api.kept) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"Values": list(range(151)), "Counts": [1] * 151},
        {"Values": [], "Counts": []},
        {"Counts": [1]},
        {"Counts": [1, 0]},
        {"Counts": [1, -1]},
        {"Counts": [1, 1.5]},
        {"Values": [1, math.nan]},
        {"Values": [1, math.inf]},
        {"Values": [1, -math.inf]},
        {"Values": [1, 2.0**361]},
        {"Values": None, "Counts": None, "Value": math.nan},
        {"Dimensions": dimensions(31)},
        {"Dimensions": dimensions(1) * 2},
        {"Dimensions": [{"Name": "n" * 256, "Value": "v"}]},
        {"Dimensions": [{"Name": "n", "Value": "v" * 1025}]},
        {"Dimensions": [{"Name": " ", "Value": "v"}]},
        {"Dimensions": [{"Name": "n", "Value": "  "}]},
        {"Dimensions": [{"Name": ":n", "Value": "v"}]},
        {"Dimensions": [{"Name": "n", "Value": "año"}]},
        {"Dimensions": [{"Name": "n", "Value": "a\nb"}]},
        {"MetricName": "m" * 256},
        {"MetricName": " "},
        {"Timestamp": format_ms(NOW - 14 * DAY - 1000)},
        {"Timestamp": format_ms(NOW + 2 * HOUR + 1000)},
        {"Unit": "Minutes"},
    ],
)
def test_one_bad_datum_rejects_the_whole_request(changed: dict[str, Any]) -> None:
    assert refusal(datum(), datum(**changed), datum()) == INVALID


def test_value_and_values_exclude_each_other_and_one_must_be_there() -> None:
    assert refusal(datum(Value=1)) == COMBINATION
    assert refusal(datum(Values=None, Counts=None)) == COMBINATION
    assert refusal(datum(Values=None, Value=1)) == COMBINATION


def test_a_request_takes_from_1_to_1000_datums() -> None:
    api = strict()
    put(api, *[datum(Dimensions=None)] * 1000)
    assert api.kept[("Tokens", (), NOW)] == {3: 2000, 7: 1000}
    assert refusal(*[datum()] * 1001) == INVALID
    assert refusal() == (400, "MissingParameter")


def test_a_request_of_more_than_a_megabyte_is_refused_by_its_size() -> None:
    long = [{"Name": f"n{n}", "Value": "v" * 1024} for n in range(30)]
    put(strict(), *[datum(Dimensions=long)] * 30)
    assert refusal(*[datum(Dimensions=long)] * 32) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("namespace", ["AWS/EC2", ":x", "  ", "a\\b", "n" * 256, "é"])
def test_a_bad_namespace_is_refused(namespace: str) -> None:
    assert refusal(datum(), namespace=namespace) == INVALID


@pytest.mark.parametrize(
    "changed",
    [
        {"MetricName": None},
        {"MetricName": ""},
        {"Values": ["1", "2"]},
        {"values": [1]},
        {"Dimensions": [{"Name": "n", "Value": ""}]},
    ],
)
def test_what_botocore_would_not_send_never_arrives(changed: dict[str, Any]) -> None:
    api = strict()
    with pytest.raises(ParamValidationError):
        put(api, datum(**changed))
    assert (api.kept, api.calls) == ({}, [])


@pytest.mark.parametrize(
    ("fault", "raised", "status", "applied"),
    [
        (CloudWatchFault.THROTTLED, ClientError, 400, False),
        (CloudWatchFault.REQUEST_TIMEOUT, ClientError, 408, False),
        (CloudWatchFault.SERVER_ERROR, ClientError, 500, False),
        (CloudWatchFault.SERVER_ERROR_AFTER, ClientError, 500, True),
        (CloudWatchFault.READ_TIMEOUT, ReadTimeoutError, None, False),
        (CloudWatchFault.READ_TIMEOUT_AFTER, ReadTimeoutError, None, True),
        (CloudWatchFault.CONNECT_TIMEOUT, ConnectTimeoutError, None, False),
    ],
)
def test_a_fault_befalls_one_call_and_applies_it_or_not(
    fault: CloudWatchFault, raised: type[Exception], status: int | None, applied: bool
) -> None:
    api = strict([None, fault])
    put(api, datum())
    with pytest.raises(raised) as caught:
        put(api, datum())
    if isinstance(caught.value, ClientError):
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    put(api, datum())
    assert list(api.kept.values()) == [{3: 6, 7: 3} if applied else {3: 4, 7: 2}]
    assert api.calls == [None, fault, None]


def test_random_faults_are_all_kinds_and_the_same_for_the_same_seed() -> None:
    first = list(islice(random_faults(Random(7), 0.5), 500))
    assert first == list(islice(random_faults(Random(7), 0.5), 500))
    assert set(first) == {None, *CloudWatchFault}
    assert set(islice(random_faults(Random(7), 0.0), 50)) == {None}
