"""Probes of a stream: its description, its load, and a bounded sample of its records. Shell.

Each shard allows five GetRecords a second to all of its readers together. Sampling takes at most
one of them, for a few seconds, from a few shards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from worker.doctor.facts import Load, StreamFacts, StreamSample
from worker.doctor.probes import Prober, ResponseFields
from worker.doctor.sampling import sample_of
from worker.sources.kinesis.client import KinesisClient
from worker.stream.record import Record

SHARDS: Final = 8
ROUNDS: Final = 5
ROUND_S: Final = 1.0
RECORDS_A_CALL: Final = 1000

_PERIOD_S: Final = 300
_LOOK_BACK: Final = timedelta(hours=24)
_LOAD: Final = ("IncomingRecords", "IncomingBytes", "WriteProvisionedThroughputExceeded")


class MetricsReader(Protocol):
    """The part of a CloudWatch client that reads metrics."""

    def get_metric_data(self, **request: Any) -> ResponseFields:
        """Call GetMetricData."""
        ...


class _Page(NamedTuple):
    """A page of ListShards; ``next_token``: the token of the following page."""

    open_shards: list[str]
    next_token: str | None


class _Look(NamedTuple):
    """An answer of GetRecords; ``following``: the next iterator, None at the tip."""

    records: list[Record]
    following: str | None


class StreamProber:
    """Probes one stream, by name or ARN. ``sleep`` takes seconds, ``now`` gives epoch ms."""

    def __init__(
        self,
        prober: Prober,
        client: KinesisClient,
        stream: str,
        sleep: Callable[[float], object],
        now: Callable[[], int],
    ) -> None:
        self._prober = prober
        self._client = client
        self._request = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
        self._name = stream.rpartition("/")[2]
        self._sleep = sleep
        self._now = now

    def describe(self) -> StreamFacts | None:
        """Call DescribeStreamSummary."""
        return self._prober.probe(
            "kinesis:DescribeStreamSummary",
            self._name,
            lambda: self._client.describe_stream_summary(**self._request),
            _stream_facts,
        )

    def sample(self, minutes: int) -> StreamSample | None:
        """Sample up to 8 shards, chosen evenly, with a few calls; None if none can be read."""
        shards = self._open_shards()
        chosen = shards[:: max(1, -(-len(shards) // SHARDS))]
        iterators = {name: self._iterator(name, minutes) for name in chosen}
        readable = {name: found for name, found in iterators.items() if found is not None}
        if not readable:
            return None
        records: list[Record] = []
        read: set[str] = set()
        for round_ in range(ROUNDS):
            if round_:
                self._sleep(ROUND_S)
            for name, iterator in list(readable.items()):
                answer = self._look(name, iterator)
                del readable[name]
                if answer is not None:
                    read.add(name)
                    records += answer.records
                    if answer.following is not None:
                        readable[name] = answer.following
            if not readable:
                break
        return sample_of(records, minutes, len(read)) if read else None

    def _open_shards(self) -> list[str]:
        request: ResponseFields = self._request
        shards: list[str] = []
        while True:
            ask = partial(self._client.list_shards, **request)
            page = self._prober.probe("kinesis:ListShards", self._name, ask, _page)
            if page is None:
                return sorted(shards)
            shards += page.open_shards
            if not page.next_token:
                return sorted(shards)
            request = {"NextToken": page.next_token}

    def _iterator(self, shard: str, minutes: int) -> str | None:
        since = datetime.fromtimestamp(self._now() / 1000, UTC) - timedelta(minutes=minutes)
        return self._prober.probe(
            "kinesis:GetShardIterator",
            self._name,
            lambda: self._client.get_shard_iterator(
                ShardId=shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=since, **self._request
            ),
            lambda answer: str(answer["ShardIterator"]),
        )

    def _look(self, shard: str, iterator: str) -> _Look | None:
        arn = {key: value for key, value in self._request.items() if key == "StreamARN"}
        return self._prober.probe(
            "kinesis:GetRecords",
            self._name,
            lambda: self._client.get_records(ShardIterator=iterator, Limit=RECORDS_A_CALL, **arn),
            partial(_look, shard),
        )


def _stream_facts(answer: ResponseFields) -> StreamFacts:
    summary = answer["StreamDescriptionSummary"]
    return StreamFacts(
        summary["StreamStatus"],
        summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"),
        summary["OpenShardCount"],
        summary["RetentionPeriodHours"],
        summary.get("EncryptionType", "NONE"),
        summary.get("RecordDistributionStrategy"),
    )


def _page(answer: ResponseFields) -> _Page:
    return _Page(
        [
            shard["ShardId"]
            for shard in answer["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ],
        answer.get("NextToken"),
    )


def _look(shard: str, answer: ResponseFields) -> _Look:
    following = answer.get("NextShardIterator") if answer.get("MillisBehindLatest") else None
    return _Look(list(_records(shard, answer["Records"])), following or None)


def _records(shard: str, found: Sequence[ResponseFields]) -> Iterator[Record]:
    for one in found:
        arrival = round(one["ApproximateArrivalTimestamp"].timestamp() * 1000)
        yield Record(shard, one["SequenceNumber"], arrival, one["Data"], one["PartitionKey"])


def load_of(prober: Prober, client: MetricsReader, stream: str, now: int) -> Load | None:
    """The peak of the last 24 h by the stream's own metrics; None if none can be read."""
    name = stream.rpartition("/")[2]
    end = datetime.fromtimestamp(now / 1000, UTC)
    request = {
        "MetricDataQueries": [_query(metric, name) for metric in _LOAD],
        "StartTime": end - _LOOK_BACK,
        "EndTime": end,
    }
    values = prober.probe(
        "cloudwatch:GetMetricData",
        name,
        lambda: client.get_metric_data(**request),
        lambda answer: {one["Id"]: one["Values"] for one in answer["MetricDataResults"]},
    )
    if values is None:
        return None
    records, sizes, refused = (values.get(metric.lower(), ()) for metric in _LOAD)
    if not records or not sizes:
        return None
    return Load(
        max(records) / _PERIOD_S,
        max(sizes) / _PERIOD_S,
        int(sum(refused)),
        "CloudWatch, busiest 5 min of 24 h",
    )


def _query(metric: str, stream: str) -> dict[str, object]:
    return {
        "Id": metric.lower(),
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Kinesis",
                "MetricName": metric,
                "Dimensions": [{"Name": "StreamName", "Value": stream}],
            },
            "Period": _PERIOD_S,
            "Stat": "Sum",
        },
    }
