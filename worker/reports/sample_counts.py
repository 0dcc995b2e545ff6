"""CloudWatch's number of samples in each series' minute, read through its API. Shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Protocol

from worker.errors import Unreachable
from worker.metrics.series import Series
from worker.partition.commit_outputs import SeriesMinute

_AT_ONCE: Final = 500
"""The most series in a request."""


_NO_DATA: Final = ("InternalError", "Forbidden")
"""The statuses of a series whose values are missing from an answer."""


class MetricDataApi(Protocol):
    """The part of a CloudWatch client that is used. Raises boto3's errors."""

    def get_metric_data(self, **arguments: Any) -> dict[str, Any]:
        """Get a page of the statistics of some series."""
        ...


def sample_counts(
    client: MetricDataApi, namespace: str, series: Iterable[Series], since: int, until: int
) -> dict[SeriesMinute, int]:
    """The SampleCount of each minute from ``since`` up to ``until`` (epoch ms) with samples.

    Raises ``Unreachable`` if CloudWatch has no answer for a series.
    """
    found: dict[SeriesMinute, int] = {}
    rest = iter(series)
    while some := list(islice(rest, _AT_ONCE)):
        for result in _results(client, namespace, some, since, until):
            which = some[int(result["Id"].removeprefix("s"))]
            if result.get("StatusCode") in _NO_DATA:
                raise Unreachable(f"CloudWatch: {which.metric}: {result['StatusCode']}")
            for stamp, count in zip(result["Timestamps"], result["Values"], strict=True):
                minute = which, int(stamp.timestamp()) * 1000
                found[minute] = found.get(minute, 0) + round(count)
    return found


def _results(
    client: MetricDataApi, namespace: str, series: Sequence[Series], since: int, until: int
) -> Iterator[dict[str, Any]]:
    request = {
        "MetricDataQueries": [_query(f"s{n}", namespace, one) for n, one in enumerate(series)],
        "StartTime": datetime.fromtimestamp(since / 1000, UTC),
        "EndTime": datetime.fromtimestamp(until / 1000, UTC),
    }
    page: dict[str, str] = {}
    while True:
        answer = client.get_metric_data(**request, **page)
        yield from answer["MetricDataResults"]
        if not answer.get("NextToken"):
            return
        page = {"NextToken": answer["NextToken"]}


def _query(id_: str, namespace: str, series: Series) -> dict[str, Any]:
    metric = {
        "Namespace": namespace,
        "MetricName": series.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
    }
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "SampleCount"}}
