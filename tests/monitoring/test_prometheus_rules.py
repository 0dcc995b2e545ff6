"""Prometheus's rules go off where they should and stay quiet where not, as promtool runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.processes import ROOT
from tests.promtool import checked
from tests.telemetry.replays import totals_of
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.instruments import LATENCY_BOUNDS
from worker.monitoring.alarm import Alarm
from worker.monitoring.alarms import ALARMED_LATENCIES, alarms
from worker.monitoring.deployment import Deployment, MetricQuery, Of, telemetry_metric
from worker.monitoring.prometheus_rules import ALERT_PREFIX, NOBODY, prometheus_rules
from worker.monitoring.promql import at_a_bound, duration
from worker.monitoring.targets import targets_of
from worker.pinecall.notices import Standing
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.telemetry.bridge import BridgeTelemetry
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS
from worker.telemetry.calls import call_families, families_of
from worker.telemetry.catalogue import TELEMETRY_METRICS, MetricKind
from worker.telemetry.exposition import exposition
from worker.telemetry.prometheus import own_families
from worker.testing.traffic import Traffic, simulated_records

SETTINGS: Final = Settings()
SUBJECT: Final = Deployment(SETTINGS.namespace, SETTINGS.own_namespace, rules_of(SETTINGS))
RULES: Final = prometheus_rules(SUBJECT)
ALARMS: Final = {
    one.name: one for one in alarms(SUBJECT) if all(m.of is not Of.STREAM for m in one.metrics)
}
PINECALL: Final = SUBJECT._replace(labels=(("Platform", "pinecall"),), platform="pinecall")
PINECALL_RULES: Final = prometheus_rules(PINECALL)
COMMITTED: Final = ROOT / "infra" / "prometheus-rules.yaml"
LONG: Final = 180
"""Minutes that a test goes on for."""

Inputs = dict[str, str]
"""Values by series, in promtool's notation."""


class Case(NamedTuple):
    """Series that are other than on a calm day, and the labels of the alert that they set off; None
    takes a series away.
    """

    alarm: str
    changed: Mapping[str, str | None]
    labels: Mapping[str, str] = {"job": "w"}


def grows(by: float) -> str:
    """By so much a minute."""
    return f"0+{by}x{LONG}"


def stands(value: float) -> str:
    return f"{value}x{LONG}"


def histogram(name: str, seconds: float, per_minute: int, **labels: str) -> Inputs:
    """Samples of that value, ``per_minute``."""
    inside = "".join(f',{key}="{value}"' for key, value in labels.items())
    bounds = [str(bound / 1000) for bound in LATENCY_BOUNDS] + ["+Inf"]
    series = {
        f'{name}_bucket{{job="w",le="{le}"{inside}}}': grows(
            per_minute if float(le) >= seconds else 0
        )
        for le in bounds
    }
    series[f'{name}_count{{job="w"{inside}}}'] = grows(per_minute)
    series[f'{name}_sum{{job="w"{inside}}}'] = grows(per_minute * seconds)
    return series


def family(metric: str) -> str:
    return families_of(metric, SUBJECT.rules.series.sets)[0].sampled_name


def one(name: str, **labels: str) -> str:
    inside = "".join(f',{key}="{value}"' for key, value in labels.items())
    return f'{name}{{job="w"{inside}}}'


def calm() -> Inputs:
    """A worker and calls, all well."""
    series: Inputs = {}
    for own in TELEMETRY_METRICS.values():
        if own.label is None:
            series[one(own.prometheus_name)] = stands(0)
    series[one("voice_insights_worker_heartbeat")] = stands(1)
    series[one("voice_insights_worker_behind_latest_seconds", shard="s1")] = stands(1)
    for metric in ALARMED_LATENCIES:
        series |= histogram(family(metric), 0.09, 20)
    for metric in ("Turns", "SessionsStarted", "SessionsEnded"):
        series[one(family(metric))] = grows(20)
    series[one(family("SessionsEnded"), end_status="failure")] = grows(0.1)
    for metric in ("Errors", "InterruptionsByCustomer", "AbandonedWaits", "DoubtfulWaits"):
        series[one(family(metric))] = grows(0.1)
    series[one(f"{family('MissingEvents')}_sum")] = grows(0.1)
    return series


CASES: Final = [
    Case("AbandonedWaits", {one(family("AbandonedWaits")): grows(20)}),
    Case(
        "AbandonedWaits",
        {
            one(family("AbandonedWaits")): grows(20),
            **dict.fromkeys(histogram(family("CallerWait"), 1, 1)),
        },
    ),
    Case("FailedSessions", {one(family("SessionsEnded"), end_status="failure"): grows(9)}),
    Case("Interruptions", {one(family("InterruptionsByCustomer")): grows(15)}),
    Case("Errors", {one(family("Errors"), error_code="64107"): grows(5)}),
    Case("MissingEvents", {one(f"{family('MissingEvents')}_sum"): grows(40)}),
    Case("DoubtfulWaits", {one(family("DoubtfulWaits")): grows(5)}),
    Case("Heartbeat", {one("voice_insights_worker_heartbeat"): None}, {}),
    Case("Heartbeat", {one("voice_insights_worker_commit_age_seconds"): grows(60)}),
    Case(
        "IteratorAge", {one("voice_insights_worker_behind_latest_seconds", shard="s2"): stands(900)}
    ),
    *(Case(f"{metric}P95", histogram(family(metric), 1.2, 20)) for metric in ALARMED_LATENCIES),
    Case(
        "CallerWaitP95",
        histogram(family("CallerWait"), 1.2, 20, platform="other"),
        {"job": "w", "platform": "other"},
    ),
]


def of_the_worker(alarm: Alarm) -> Case:
    """An alarm on one metric of the worker itself, at its threshold."""
    own = TELEMETRY_METRICS[alarm.metrics[0].name]
    if own.kind is MetricKind.COUNTER:
        return Case(alarm.name, {one(own.prometheus_name): f"0x72 {alarm.threshold}x{LONG}"})
    value = alarm.threshold / own.prometheus_divisor
    return Case(alarm.name, {one(own.prometheus_name): stands(value)})


_TOLD: Final = {case.alarm for case in CASES}
CASES.extend(of_the_worker(alarm) for name, alarm in ALARMS.items() if name not in _TOLD)


def rule(name: str, rules: str = RULES) -> dict[str, Any]:
    """An alerting rule of the file."""
    groups = yaml.safe_load(rules)["groups"]
    (found,) = (
        r for group in groups for r in group["rules"] if r.get("alert") == ALERT_PREFIX + name
    )
    assert isinstance(found, dict)
    return found


def run(tmp_path: Path, tests: Iterable[Mapping[str, Any]], rules: str = RULES) -> None:
    (tmp_path / "rules.yaml").write_text(rules)
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": list(tests)}
    (tmp_path / "tests.yaml").write_text(json.dumps(whole))
    checked("test", "rules", tmp_path / "tests.yaml")


def scenario(inputs: Inputs, expected: Mapping[str, list[Any]], minute: int = 75) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": value} for name, value in inputs.items()],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": ALERT_PREFIX + name, "exp_alerts": alerts}
            for name, alerts in expected.items()
        ],
    }


def test_the_committed_rules_are_what_the_catalogues_give() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == RULES


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    labelled = SUBJECT._replace(labels=(("Cost-Centre", 'a"b'),))
    for rules in (RULES, PINECALL_RULES, prometheus_rules(labelled, {"CallerWait": 1540})):
        (tmp_path / "rules.yaml").write_text(rules)
        assert "SUCCESS" in checked("check", "rules", tmp_path / "rules.yaml")


def test_every_alarm_that_is_not_of_the_stream_is_an_alert() -> None:
    rules = [rule(name) for name in ALARMS]
    assert len(rules) == RULES.count("- alert:")
    for alarm, made in zip(ALARMS.values(), rules, strict=True):
        assert made["labels"]["severity"] == (alarm.urgency.value if alarm.measured else NOBODY)
        assert f"runbook.md, {alarm.name}." in made["annotations"]["description"]


def test_calls_of_a_platform_with_limits_of_its_own_set_off_none_of_the_usual_alerts(
    tmp_path: Path,
) -> None:
    theirs: Inputs = histogram(family("CallerWait"), 19, 20, platform="pinecall")
    theirs |= histogram(family("ResponseLatency"), 19, 20, platform="pinecall")
    theirs[one(family("AbandonedWaits"), platform="pinecall")] = grows(20)
    run(tmp_path, [scenario({**calm(), **theirs}, {name: [] for name in ALARMS})])


def test_every_alarm_of_a_platform_is_an_alert_on_its_calls_alone_or_on_its_bridge() -> None:
    named = [f"{ALERT_PREFIX}{one.name}" for one in alarms(PINECALL)]
    groups = yaml.safe_load(PINECALL_RULES)["groups"]
    rules = [one for group in groups for one in group["rules"]]
    assert [one["alert"] for one in rules if "alert" in one] == named
    assert f"{ALERT_PREFIX}BridgeHeartbeat" in named
    for made in rules:
        of_bridge = "voice_insights_worker_bridge_" in made["expr"]
        assert of_bridge or 'platform="pinecall"' in made["expr"]
    assert "Left out" not in PINECALL_RULES


def test_a_limit_that_is_no_bound_is_replaced_by_the_next_bound_above() -> None:
    shares = {name for name in PINECALL_RULES.split('"') if ":within_" in name}
    limits = {
        f"job_platform:{family(metric)}:within_{bound}_ms_5m"
        for metric in ALARMED_LATENCIES
        for limit in targets_of(PINECALL)[metric]
        for bound in (min(one for one in LATENCY_BOUNDS if one >= limit),)
    }
    assert shares == limits
    with pytest.raises(ValueError, match="above all bounds"):
        at_a_bound(MetricQuery("value", "CallerWait", "PR(:20001)"))


@pytest.mark.parametrize("beat", [None, f"1x20 _x{LONG}"])
def test_a_bridge_that_stands_still_sets_off_its_alert(tmp_path: Path, beat: str | None) -> None:
    made = rule("BridgeHeartbeat", PINECALL_RULES)
    alert = {"exp_labels": made["labels"], "exp_annotations": made["annotations"]}
    series = one(telemetry_metric("BridgeHeartbeat").prometheus_name)
    inputs = {} if beat is None else {series: beat}
    expected = {"BridgeHeartbeat": [alert]}
    run(tmp_path, [scenario(inputs, expected)], PINECALL_RULES)
    run(tmp_path, [scenario({series: stands(1)}, {"BridgeHeartbeat": []})], PINECALL_RULES)


def test_the_bridge_tells_prometheus_what_its_alerts_ask_for() -> None:
    bridge = BridgeTelemetry(lambda: 2000, lambda: 0, lambda _snapshot, _at: None, 60_000)
    bridge(Standing(listed=1000, followed=0, waiting=0, oldest_put=0, failing=0))
    page = exposition(own_families(bridge.snapshot(), BRIDGE_METRICS))
    asked = set(re.findall(r"voice_insights_worker_bridge_\w+", PINECALL_RULES))
    assert len(asked) == 5
    assert asked <= {line.split(" ")[0] for line in page.splitlines()}


def test_a_measured_threshold_is_in_seconds_and_tells_somebody(tmp_path: Path) -> None:
    rules = prometheus_rules(SUBJECT, {"CallerWait": 1540})
    assert ">= 1.54\n" in rules
    (found,) = (
        one
        for group in yaml.safe_load(rules)["groups"]
        for one in group["rules"]
        if one.get("alert") == f"{ALERT_PREFIX}CallerWaitP95"
    )
    assert found["labels"] == {"severity": "ticket"}


def test_nothing_goes_off_on_a_calm_day(tmp_path: Path) -> None:
    run(
        tmp_path,
        [scenario(calm(), {name: [] for name in ALARMS}, minute) for minute in (30, 75, 170)],
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alarm)
def test_an_alert_goes_off_for_what_it_is_about_and_nothing_else_does(
    case: Case, tmp_path: Path
) -> None:
    changed = {**calm(), **case.changed}
    inputs = {name: values for name, values in changed.items() if values is not None}
    made = rule(case.alarm)
    alert = {
        "exp_labels": {**made["labels"], **case.labels},
        "exp_annotations": made["annotations"],
    }
    expected = {name: [alert] if name == case.alarm else [] for name in ALARMS}
    run(tmp_path, [scenario(inputs, expected)])


def test_it_holds_for_its_periods_before_it_goes_off(tmp_path: Path) -> None:
    inputs = {**calm(), one(family("AbandonedWaits")): f"0x60 {grows(20)}"}
    made = rule("AbandonedWaits")
    alert = {"exp_labels": {**made["labels"], "job": "w"}, "exp_annotations": made["annotations"]}
    assert made["for"] == "5m"
    run(
        tmp_path,
        [
            scenario(inputs, {"AbandonedWaits": []}, 63),
            scenario(inputs, {"AbandonedWaits": [alert]}, 72),
        ],
    )


def test_every_series_of_calls_in_a_rule_is_one_that_a_replay_tells() -> None:
    totals = totals_of(simulated_records(Traffic(sessions=200, lost=0.01), 7))
    page = exposition(call_families(totals, SUBJECT.rules.series.sets, "on"))
    for metric in CATALOGUE:
        for one_ in families_of(metric, SUBJECT.rules.series.sets):
            if one_.sampled_name in RULES:
                assert one_.sampled_name in page, metric


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1m"), (300, "5m"), (3600, "1h"), (90, "90s"), (5400, "90m")]
)
def test_lengths_of_time_are_written_as_short_as_they_are(seconds: int, text: str) -> None:
    assert duration(seconds) == text
