"""What leaves the process for CloudWatch: the entry with the namespace, below a megabyte."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
from botocore.awsrequest import AWSResponse

from tests.aws.sessions import any_session
from tests.outbox.outboxes import metrics
from worker.destinations.cloudwatch.sink import CloudWatchSink, cloudwatch_client
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome
from worker.partition.commit_outputs import Window
from worker.testing.strict_cloudwatch import SERVICE_MAX_BYTES

NOON: Final = 1_790_942_400_000
BODY: Final = next(draft.body for draft in metrics({(Series("Tokens", ()), NOON): {3: 1}}))


class NoStream:
    def stream(self, **_: Any) -> Iterator[bytes]:
        return iter([b"{}"])


def wire_body(body: bytes) -> bytes:
    """What botocore would send for an entry, before compression; nothing leaves the process."""
    bodies: list[bytes] = []

    def instead(request: Any, **_: Any) -> AWSResponse:
        packed = request.headers.get("Content-Encoding") == b"gzip"
        bodies.append(gzip.decompress(request.body) if packed else request.body)
        return AWSResponse(request.url, 200, {}, NoStream())

    client = cloudwatch_client("eu-west-1", None, session=any_session(), timeout_s=10)
    cast("Any", client).meta.events.register("before-send.cloudwatch.PutMetricData", instead)
    assert CloudWatchSink(client, "N" * 255).send(body) == (DeliveryOutcome.APPLIED, "")
    (sent,) = bodies
    return sent


def test_what_leaves_is_the_entry_with_the_namespace() -> None:
    request = json.loads(wire_body(BODY))
    (datum,) = request["MetricData"]
    assert request["Namespace"] == "N" * 255
    assert datum == {
        "MetricName": "Tokens",
        "Dimensions": [],
        "Timestamp": NOON // 1000,
        "Unit": "Count",
        "Values": [3],
        "Counts": [1],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "count", "dimensions"),
    [
        (range(10), 1, 0),  # short numbers grow most by the spaces
        (range(100, 250), 1, 0),
        (range(-299, 1), 9, 0),
        (range(10**17, 10**17 + 300), 10**9, 1),
        (range(3), 1, 20),  # as many and as long labels as there may be
    ],
)
def test_the_largest_requests_are_below_a_megabyte_on_the_wire(
    values: range, count: int, dimensions: int
) -> None:
    labels = tuple((f"{n:02}" + '"' * 253, "\\" * 255) for n in range(dimensions))
    window: Window = {
        (Series("TokensPerSecond", (*labels, ("Voice", str(n)))), NOON): dict.fromkeys(
            values, count
        )
        for n in range(1100)
    }
    largest = max((draft.body for draft in metrics(window)), key=len)
    assert len(wire_body(largest)) < SERVICE_MAX_BYTES
