"""The page that Prometheus reads."""

from __future__ import annotations

import re

from tests.telemetry.progresses import FACTS, NOW, progress
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.exposition import exposition
from worker.telemetry.facts import ProcessFacts
from worker.telemetry.prometheus import own_families, process_families
from worker.telemetry.snapshot import (
    EventCounts,
    MetricValues,
    ReportPeriod,
    TelemetrySnapshot,
    snapshot_of,
)

READING = snapshot_of(progress(), EventCounts(NOW, {}, 0), ReportPeriod(), NOW)
SAMPLE = re.compile(
    r'[a-z_0-9]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="[^"]*")?\})? -?\d+(\.\d+)?(e[+-]\d+)?'
)


def prometheus_page(snapshot: TelemetrySnapshot | None) -> str:
    return exposition(own_families(snapshot))


def process_page(facts: ProcessFacts) -> str:
    return exposition(process_families(facts))


def page(values: MetricValues, labelled: MetricValues) -> list[str]:
    return prometheus_page(TelemetrySnapshot(values, {"MillisBehindLatest": labelled})).splitlines()


def test_every_line_is_a_sample_or_says_of_what() -> None:
    lines = (prometheus_page(READING) + process_page(FACTS)).splitlines()
    assert lines
    for line in lines:
        assert line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line), line


def test_each_metric_is_explained_once_and_before_its_samples() -> None:
    lines = prometheus_page(READING).splitlines()
    for metric in TELEMETRY_METRICS.values():
        name = metric.prometheus_name
        about = [n for n, line in enumerate(lines) if line.split()[2:3] == [name]]
        samples = [n for n, line in enumerate(lines) if re.split(r"[{ ]", line)[0] == name]
        if samples:
            assert about == [samples[0] - 2, samples[0] - 1]


def test_values_are_in_base_units() -> None:
    lines = page({"CommitTime": 250, "SessionsCrossShard": 25, "StateSize": 4096}, {})
    assert "voice_insights_worker_commit_time_seconds 0.25" in lines
    assert "voice_insights_worker_sessions_cross_shard_ratio 0.25" in lines
    assert "voice_insights_worker_state_size_bytes 4096.0" in lines


def test_a_shards_name_can_say_nothing_else() -> None:
    lines = page({}, {'a"} 1\n\\': 1000})
    sample = r'voice_insights_worker_behind_latest_seconds{shard="a\"} 1\n\\"} 1.0'
    assert lines[2:] == [sample]


def test_before_the_first_commit_the_page_is_empty() -> None:
    assert prometheus_page(None) == ""


def test_the_process_is_there_from_the_start_under_the_names_that_are_customary() -> None:
    lines = process_page(FACTS).splitlines()
    assert 'voice_insights_worker_build_info{python="3.11.7",version="0.9.1"} 1.0' in lines
    assert "process_start_time_seconds 1.79094240025e+09" in lines
    assert "process_cpu_seconds_total 1.5" in lines
    assert "# TYPE process_cpu_seconds_total counter" in lines
    assert "process_resident_memory_bytes 4096.0" in lines
    assert "process_open_fds 7.0" in lines


def test_what_is_not_known_of_the_process_is_left_out() -> None:
    unknown = FACTS._replace(resident=None, virtual=None, open_files=None, most_files=None)
    names = {line.split()[2] for line in process_page(unknown).splitlines() if line[0] == "#"}
    assert names == {
        "process_cpu_seconds_total",
        "process_start_time_seconds",
        "voice_insights_worker_build_info",
    }
