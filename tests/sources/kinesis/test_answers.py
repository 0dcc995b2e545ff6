"""An answer that isn't Kinesis's is a failure to try again; a defect of the worker's is raised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.client import Kinesis
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.typed_answers import TypedAnswer, TypedRecord
from worker.stream.position import HEAD

ARRIVAL = datetime(2026, 10, 2, 12, tzinfo=UTC)
METADATA = {"HTTPHeaders": {"date": "Fri, 02 Oct 2026 12:00:00 GMT"}}
RECORD = {
    "SequenceNumber": "49",
    "ApproximateArrivalTimestamp": ARRIVAL,
    "Data": b"{}",
    "PartitionKey": "key",
}
GIVEN: dict[str, dict[str, Any]] = {
    "get_records": {"Records": [RECORD], "NextShardIterator": "i", "MillisBehindLatest": 0},
    "get_shard_iterator": {"ShardIterator": "i"},
    "describe_stream_summary": {
        "StreamDescriptionSummary": {
            "StreamARN": "arn",
            "StreamCreationTimestamp": ARRIVAL,
            "RetentionPeriodHours": 24,
        }
    },
    "list_shards": {"Shards": [{"ShardId": "a"}]},
}


class Client:
    """Answers as botocore has parsed them, ``changed`` ones in place of those given above."""

    def __init__(self, **changed: dict[str, Any]) -> None:
        self._answers = GIVEN | changed

    def _answer(self, call: str) -> dict[str, Any]:
        return {**self._answers[call], "ResponseMetadata": METADATA}

    def describe_stream_summary(self, **_: object) -> dict[str, Any]:
        return self._answer("describe_stream_summary")

    def list_shards(self, **_: object) -> dict[str, Any]:
        return self._answer("list_shards")

    def get_shard_iterator(self, **_: object) -> dict[str, Any]:
        return self._answer("get_shard_iterator")

    def get_records(self, **_: object) -> dict[str, Any]:
        return self._answer("get_records")


def kinesis(**changed: dict[str, Any]) -> Kinesis:
    return Kinesis(Client(**changed), "s")


def test_what_is_whole_is_an_answer() -> None:
    assert isinstance(kinesis().describe(), StreamDescription)
    assert kinesis().shard_iterator("a", HEAD) == "i"
    assert isinstance(kinesis().get_records("a", "i"), RecordsAnswer)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Records": None},
        {"Records": [{**RECORD, "Data": "no bytes"}]},
        {"Records": [{**RECORD, "ApproximateArrivalTimestamp": "noon"}]},
        {"Records": [{name: RECORD[name] for name in RECORD if name != "PartitionKey"}]},
        {"Records": [], "MillisBehindLatest": "0"},
        {"Records": [], "ChildShards": [{"ShardId": "b"}]},
    ],
)
def test_records_that_are_none_are_no_answer_of_kinesis(fields: dict[str, Any]) -> None:
    failure = kinesis(get_records=fields).get_records("a", "i")
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE
    assert failure.detail.startswith("what answers is not Kinesis: ")


@pytest.mark.parametrize("call", ["describe_stream_summary", "list_shards"])
def test_a_description_needs_both_of_its_answers(call: str) -> None:
    failure = kinesis(**{call: {}}).describe()
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE


def test_an_iterator_is_a_text() -> None:
    failure = kinesis(get_shard_iterator={"ShardIterator": 7}).shard_iterator("a", HEAD)
    assert isinstance(failure, StreamFailure)
    assert failure.kind is StreamFailureKind.UNAVAILABLE


@pytest.mark.parametrize("defect", [TypeError, ValueError, KeyError, AttributeError])
def test_a_defect_of_the_observer_is_raised_and_not_retried(defect: type[Exception]) -> None:
    def fails(_answers: int) -> None:
        raise defect("of ours")

    with pytest.raises(defect, match="of ours"):
        Kinesis(Client(), "s", fails).get_records("a", "i")


def test_a_defect_of_the_conversion_is_raised_and_not_tried_again() -> None:
    never_decoded: Any = None  # what the typed pass would not have let through
    answer = TypedAnswer([TypedRecord("49", never_decoded, b"{}", "key")])
    with pytest.raises(TypeError):
        kinesis(get_records={"TypedAnswer": answer}).get_records("a", "i")
