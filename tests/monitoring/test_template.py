"""The template: data for CloudFormation, and the one that is committed."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.infra.templates import MONITORING, load, parse
from worker.monitoring.alarm import Urgency
from worker.monitoring.alarms import ALARMED_LATENCIES, alarms
from worker.monitoring.deployment import Deployment
from worker.monitoring.targets import END_POINTING_MS
from worker.monitoring.template import TOPICS, monitoring_template
from worker.settings.model import Settings
from worker.settings.rules import rules_of

SETTINGS = Settings()
SUBJECT = Deployment(SETTINGS.namespace, SETTINGS.own_namespace, rules_of(SETTINGS))
TEMPLATE = parse(monitoring_template(SUBJECT))
BODY_AT_MOST = 51_200
"""What CloudFormation takes without a bucket."""


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found = template["Resources"][name]["Properties"]
    assert isinstance(found, dict)
    return found


def test_the_committed_template_is_what_the_catalogues_give() -> None:
    assert MONITORING.read_text(encoding="utf-8") == monitoring_template(SUBJECT)
    assert load(MONITORING) == TEMPLATE


def test_the_template_is_small_enough_to_be_given_as_it_is() -> None:
    assert len(monitoring_template(SUBJECT)) < BODY_AT_MOST


def test_every_alarm_is_a_resource_and_tells_its_topic() -> None:
    for alarm in alarms(SUBJECT):
        made = properties(TEMPLATE, alarm.name)
        if alarm.measured:
            assert made["ActionsEnabled"] is True
            assert made["AlarmActions"] == [{"Ref": TOPICS[alarm.urgency]}]
        else:
            assert made["ActionsEnabled"] is False
            assert "AlarmActions" not in made
        assert made["DatapointsToAlarm"] == alarm.bad
        assert made["EvaluationPeriods"] == alarm.evaluation_periods
        assert f"runbook.md, {alarm.name}." in made["AlarmDescription"]
        assert len(made["AlarmDescription"]) <= 1024


def test_a_measured_threshold_brings_its_action() -> None:
    measured = parse(monitoring_template(SUBJECT, {"CallerWait": 1_540}))
    made = properties(measured, "CallerWaitP95")
    assert (made["Threshold"], made["ActionsEnabled"]) == (1_540, True)
    assert made["AlarmActions"] == [{"Ref": TOPICS[Urgency.TICKET]}]
    for name in set(ALARMED_LATENCIES) - {"CallerWait"}:
        assert properties(measured, f"{name}P95")["ActionsEnabled"] is False


def test_an_alarm_returns_one_value() -> None:
    for alarm in alarms(SUBJECT):
        made = properties(TEMPLATE, alarm.name)
        if "Metrics" in made:
            returned = [one["Id"] for one in made["Metrics"] if one["ReturnData"]]
            assert returned == ["value"]
            ids = [one["Id"] for one in made["Metrics"]]
            assert len(set(ids)) == len(ids)
        else:
            assert made["MetricName"] == alarm.metrics[0].name


def test_the_dashboard_is_json_whose_gaps_cloudformation_can_fill() -> None:
    text = properties(TEMPLATE, "Dashboard")["DashboardBody"]["Fn::Sub"]
    assert json.loads(text)["widgets"]
    named = {one for one in re.findall(r"\$\{(.*?)\}", text) if not one.startswith("AWS::")}
    assert named == {"StreamName"} <= TEMPLATE["Parameters"].keys()
    for alarm in alarms(SUBJECT):
        name = properties(TEMPLATE, alarm.name)["AlarmName"]["Fn::Sub"]
        assert f':alarm:{name}"' in text


def test_only_cloudwatch_of_this_account_publishes_to_the_topics() -> None:
    for topic in TOPICS.values():
        document = properties(TEMPLATE, f"{topic}Policy")["PolicyDocument"]
        (statement,) = document["Statement"]
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Resource"] == {"Ref": topic}
        assert "aws:SourceAccount" in statement["Condition"]["StringEquals"]


def test_a_platforms_watch_is_of_its_calls_alone() -> None:
    platform = (("Platform", "pinecall"),)
    deployment = Deployment("Calls", "Own", labels=platform, platform="pinecall")
    template = monitoring_template(deployment)
    assert "AWS/Kinesis" not in template
    bridge = template.count('MetricName: "Bridge')
    assert template.count('Namespace: "Own"') == bridge > 0
    named = template.count('MetricName: "') - bridge
    assert named > 10
    assert template.count('- Name: "Platform"') == named


def test_a_platform_whose_gap_includes_end_pointing_has_later_limits() -> None:
    usual = alarms(Deployment("Calls", "Own"))
    deployment = Deployment("Calls", "Own", labels=(("Platform", "pinecall"),), platform="pinecall")
    later = {alarm.name: alarm.threshold for alarm in alarms(deployment)}
    for alarm in usual:
        if alarm.name in ("ResponseLatencyP95", "CallerWaitP95"):
            assert later[alarm.name] == alarm.threshold + END_POINTING_MS
        elif alarm.name in later:
            assert later[alarm.name] == alarm.threshold
