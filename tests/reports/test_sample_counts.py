"""CloudWatch's sample counts: all pages of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from worker.errors import Unreachable
from worker.metrics.series import Series
from worker.reports.sample_counts import sample_counts

NOON: Final = 1_790_942_400_000
SERIES: Final = (Series("Tokens", ()), Series("Words", ()))


class Pages:
    """GetMetricData, its pages prepared."""

    def __init__(self, pages: Sequence[list[dict[str, Any]]]) -> None:
        self._pages = pages

    def get_metric_data(self, **arguments: Any) -> dict[str, Any]:
        page = int(arguments.get("NextToken", 0))
        more = {"NextToken": str(page + 1)} if page + 1 < len(self._pages) else {}
        return {"MetricDataResults": self._pages[page], **more}


def result(n: int, status: str, *counts: float) -> dict[str, Any]:
    stamps = [datetime.fromtimestamp(NOON / 1000, UTC)] * len(counts)
    return {"Id": f"s{n}", "StatusCode": status, "Timestamps": stamps, "Values": list(counts)}


def test_what_comes_in_pages_is_put_together() -> None:
    pages = Pages(
        [[result(0, "PartialData", 2.0)], [result(0, "Complete"), result(1, "Complete", 5)]]
    )
    found = sample_counts(pages, "Ns", SERIES, NOON, NOON + 60_000)
    assert found == {(SERIES[0], NOON): 2, (SERIES[1], NOON): 5}


@pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
def test_a_series_that_cannot_be_read_is_not_one_without_samples(status: str) -> None:
    pages = Pages([[result(0, "Complete", 2.0), result(1, status)]])
    with pytest.raises(Unreachable, match=f"Words: {status}"):
        sample_counts(pages, "Ns", SERIES, NOON, NOON + 60_000)
