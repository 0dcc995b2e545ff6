"""Whoever scrapes a worker sees each call once, while it works, at the end, and after a crash."""

from __future__ import annotations

import http.client
import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live import Aws, Live, calls, replayed, working
from tests.processes import LONGEST_S
from tests.promtool import checked
from worker.metrics.catalogue import CATALOGUE, DEFAULT_DIMENSION_SETS
from worker.metrics.instruments import instrument_of
from worker.telemetry.calls import families_of
from worker.telemetry.families import labels_of
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A metric, and the labels of a series."""

_NAMES: Final = {
    one.name + suffix: metric
    for metric in CATALOGUE
    for one in families_of(metric, DEFAULT_DIMENSION_SETS)
    for suffix in (("_count",) if instrument_of(metric).is_histogram else ("_total",))
}


def page(worker: Live, accept: str = "") -> str:
    port = next(one["port"] for one in worker.log_lines if one["event"] == "health served")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_S)
    try:
        connection.request("GET", "/metrics", headers={"Accept": accept})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def scraped(worker: Live) -> Counter[Key]:
    """How many samples there are of each series of calls."""
    found: Counter[Key] = Counter()
    for family in text_string_to_metric_families(page(worker)):
        for sample in family.samples:
            if sample.name in _NAMES:
                found[_NAMES[sample.name], tuple(sorted(sample.labels.items()))] += int(
                    sample.value
                )
    return found


def counted(folder: Path) -> Counter[Key]:
    """The same of the datums that a replay has written, in the families' series."""
    found: Counter[Key] = Counter()
    for line in (folder / "m").read_text().splitlines():
        datum: dict[str, Any] = json.loads(line)
        dimensions = tuple((one["Name"], one["Value"]) for one in datum["Dimensions"])
        family = families_of(datum["MetricName"], DEFAULT_DIMENSION_SETS)[0]
        if tuple(name for name, _ in dimensions) == family.dimensions:
            labels = tuple(sorted(labels_of(dimensions).items()))
            found[datum["MetricName"], labels] += int(sum(datum["Counts"]))
    return found


def test_a_scrape_tells_what_a_replay_tells_and_never_less_than_before(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "scraped")
    aws.feed(simulated_records(calls(20), 5))
    replayed(aws.put, tmp_path)
    expected = counted(tmp_path)
    seen: Counter[Key] = Counter()
    with working(aws, tmp_path, health_port=0) as worker:

        def grown() -> bool:
            nonlocal seen
            now = scraped(worker)
            assert seen <= now
            seen = now
            return now == expected

        worker.wait_for(lambda: worker.begun, "its beginning")
        worker.wait_for(grown, "all that a replay tells")
        worker.wait_for_sessions(20)
        assert scraped(worker) == expected
        assert checked("check", "metrics", stdin=page(worker)) == ""
        assert worker.end(signal.SIGKILL) == -signal.SIGKILL
    with working(aws, tmp_path, health_port=0) as worker:
        worker.wait_for(lambda: worker.begun, "its beginning")
        worker.wait_for(lambda: scraped(worker), "its first commit")
        assert scraped(worker) == expected
        assert page(worker, "application/openmetrics-text").endswith("# EOF\n")
        assert worker.end() == 0
    with working(aws, tmp_path, health_port=0, prometheus_calls="off") as worker:
        worker.wait_for(lambda: worker.begun, "its beginning")
        worker.wait_for(lambda: "_heartbeat 1" in page(worker), "its first commit")
        assert not scraped(worker)
        assert worker.end() == 0
    with working(aws, tmp_path, health_port=0) as worker:
        worker.wait_for(lambda: worker.begun, "its beginning")
        worker.wait_for(lambda: "_heartbeat 1" in page(worker), "its first commit")
        assert not scraped(worker)
