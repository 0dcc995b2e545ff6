"""A keyed stream in memory that refuses what it is told to, for tests of the router."""

from __future__ import annotations

from collections import deque
from typing import Any

from botocore.exceptions import ClientError, ConnectTimeoutError

from worker.fleet.bundles import Bundle, Mark, decode_bundle
from worker.fleet.layout import Layout
from worker.fleet.producer import BundleProducer
from worker.producer.put_records import PutRecordsAnswer, PutResult

LAYOUT = Layout(source="source", keyed="keyed", buckets=4)


class Keyed:
    """As a client of Kinesis. ``outcomes``: of the next requests; "lost" takes them and has no
    answer, "throttled" refuses every other record, another text is an error's code.
    """

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = deque(outcomes)
        self.requests: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        entries = arguments["Records"]
        self.requests.append(entries)
        outcome = self.outcomes.popleft() if self.outcomes else ""
        if outcome == "lost":
            self.taken += entries
            raise ConnectTimeoutError(endpoint_url="https://kinesis.test")
        if outcome == "throttled":
            code = "ProvisionedThroughputExceededException"
            results: list[PutResult] = [
                {"ErrorCode": None if n % 2 else code} for n in range(len(entries))
            ]
            self.taken += entries[1::2]
            return {"FailedRecordCount": len(entries), "Records": results}
        if outcome:
            status = 500 if outcome == "InternalFailure" else 400
            raise ClientError(
                {
                    "Error": {"Code": outcome, "Message": "refused"},
                    "ResponseMetadata": {
                        "HTTPStatusCode": status,
                        "RequestId": "1",
                        "HTTPHeaders": {},
                        "RetryAttempts": 0,
                    },
                },
                "PutRecords",
            )
        self.taken += entries
        return {"FailedRecordCount": 0, "Records": [{} for _ in entries]}

    def bundles(self) -> list[Bundle | Mark]:
        return [decode_bundle(one["Data"]) for one in self.taken]


class Waits:
    """Pauses that take no time; after ``most`` of them the process stops."""

    def __init__(self, most: int = 1_000) -> None:
        self.most = most
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return len(self.seconds) <= self.most


def producer(keyed: Keyed, waits: Waits | None = None) -> BundleProducer:
    return BundleProducer(LAYOUT, "keyed", keyed, waits or Waits(), lambda: 0.5)
