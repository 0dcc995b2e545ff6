"""The CloudFormation template of the monitoring: topics, alarms and the dashboard. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from worker.monitoring.alarm import Alarm, Urgency
from worker.monitoring.alarms import alarms
from worker.monitoring.dashboard import dashboard
from worker.monitoring.deployment import KEYED_NAME, STREAM_NAME, Deployment, MetricQuery
from worker.monitoring.yaml_text import to_yaml

TOPICS: Final = {Urgency.PAGE: "PageTopic", Urgency.TICKET: "TicketTopic"}
RUNBOOK: Final = "docs/runbook.md"

_HEADER: Final = """\
# Made by `voice-insights infra render` from the metric catalogues: change those, not this file.
"""

Resource = dict[str, Any]

_STREAM_PARAMETER: Final[Resource] = {
    "StreamName": {
        "Type": "String",
        "Default": "voice-insights",
        "Description": "The Kinesis stream that the worker reads.",
    }
}
"""The parameter of templates with alarms of the stream: not those for a single platform."""

_KEYED_PARAMETER: Final[Resource] = {
    "KeyedStreamName": {
        "Type": "String",
        "Default": "voice-insights-keyed",
        "Description": "The stream that the fleet's routers write to.",
    }
}


def monitoring_template(deployment: Deployment, thresholds: Mapping[str, int] = {}) -> str:
    """The template as YAML. ``thresholds``: measured thresholds of latency metrics, in ms; without
    one an alarm's threshold is the published limit, and it notifies nobody.
    """
    all_alarms = alarms(deployment, thresholds)
    return _HEADER + to_yaml(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Voice Insights worker: dashboard, alarms, and their topics.",
            "Parameters": {
                **({} if deployment.platform else _STREAM_PARAMETER),
                **(_KEYED_PARAMETER if deployment.buckets else {}),
                **_parameters(),
            },
            "Conditions": {
                "PageHasEmail": _given("PageEmail"),
                "TicketHasEmail": _given("TicketEmail"),
                "TopicsHaveKey": _given("TopicKeyArn"),
            },
            "Resources": {
                **_topics(),
                **{alarm.name: _alarm(deployment, alarm) for alarm in all_alarms},
                "Dashboard": _dashboard(deployment, all_alarms),
            },
            "Outputs": {
                topic: {"Description": f"Topic of {what}", "Value": {"Ref": topic}}
                for topic, what in (
                    ("PageTopic", "alarms that wake someone"),
                    ("TicketTopic", "alarms that can wait"),
                )
            },
        }
    )


def _given(parameter: str) -> Resource:
    return {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}


def _parameters() -> Resource:
    return {
        "PageEmail": {
            "Type": "String",
            "Default": "",
            "Description": "Address for alarms that wake someone; empty adds none to the topic.",
        },
        "TicketEmail": {
            "Type": "String",
            "Default": "",
            "Description": "Address for alarms that can wait; empty adds none to the topic.",
        },
        "TopicKeyArn": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": "|arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+",
            "Description": "KMS key to encrypt the topics with, whose policy lets CloudWatch use "
            "it; empty for none.",
        },
    }


def _topics() -> Resource:
    topics: Resource = {}
    for kind in ("Page", "Ticket"):
        name = f"{kind}Topic"
        topics[name] = {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "KmsMasterKeyId": {
                    "Fn::If": ["TopicsHaveKey", {"Ref": "TopicKeyArn"}, {"Ref": "AWS::NoValue"}]
                }
            },
        }
        topics[f"{name}Policy"] = {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": name}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "cloudwatch.amazonaws.com"},
                            "Action": "sns:Publish",
                            "Resource": {"Ref": name},
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
                            },
                        }
                    ],
                },
            },
        }
        topics[f"{kind}Subscription"] = {
            "Type": "AWS::SNS::Subscription",
            "Condition": f"{kind}HasEmail",
            "Properties": {
                "TopicArn": {"Ref": name},
                "Protocol": "email",
                "Endpoint": {"Ref": f"{kind}Email"},
            },
        }
    return topics


def _alarm(deployment: Deployment, alarm: Alarm) -> Resource:
    topic = [{"Ref": TOPICS[alarm.urgency]}]
    notified = {"AlarmActions": topic, "OKActions": topic} if alarm.measured else {}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{alarm.name}"},
            "AlarmDescription": _description(alarm),
            "ActionsEnabled": alarm.measured,
            **notified,
            "ComparisonOperator": (
                "LessThanThreshold" if alarm.below else "GreaterThanOrEqualToThreshold"
            ),
            "Threshold": alarm.threshold,
            "DatapointsToAlarm": alarm.bad,
            "EvaluationPeriods": alarm.evaluation_periods,
            "TreatMissingData": alarm.missing.value,
            **_value(deployment, alarm),
        },
    }


def _description(alarm: Alarm) -> str:
    bound = "below" if alarm.below else "at or above"
    unmeasured = "" if alarm.measured else " The threshold is not measured, so nobody is notified."
    return (
        f"{alarm.urgency.value}: {alarm.about} ({bound} {alarm.threshold:,} {alarm.unit} in "
        f"{alarm.bad} of {alarm.evaluation_periods} periods of {alarm.period_s} s).{unmeasured} "
        f"What to do: {RUNBOOK}, {alarm.name}."
    )


def _value(deployment: Deployment, alarm: Alarm) -> Resource:
    """A single metric, or an expression over several."""
    if [alarm.value] == [one.id for one in alarm.metrics]:
        (metric,) = alarm.metrics
        return {
            **_series(deployment, metric),
            "Statistic": metric.statistic,
            "Period": alarm.period_s,
        }
    return {
        "Metrics": [
            {"Id": "value", "Expression": alarm.value, "Label": alarm.unit, "ReturnData": True},
            *(
                {
                    "Id": one.id,
                    "ReturnData": False,
                    "MetricStat": {
                        "Metric": _series(deployment, one),
                        "Period": alarm.period_s,
                        "Stat": one.statistic,
                    },
                }
                for one in alarm.metrics
            ),
        ]
    }


def _series(deployment: Deployment, metric: MetricQuery) -> Resource:
    series: Resource = {"Namespace": metric.namespace(deployment), "MetricName": metric.name}
    dimensions = metric.all_dimensions(deployment)
    if dimensions:
        series["Dimensions"] = [{"Name": name, "Value": _filled(it)} for name, it in dimensions]
    return series


def _filled(value: str) -> object:
    return _REFERENCES.get(value, value)


_REFERENCES: Final[dict[str, object]] = {
    STREAM_NAME: {"Ref": "StreamName"},
    KEYED_NAME: {"Ref": "KeyedStreamName"},
}


def _dashboard(deployment: Deployment, all_alarms: list[Alarm]) -> Resource:
    whole = dashboard(deployment, all_alarms)
    widgets = ",\n".join(json.dumps(widget) for widget in whole.pop("widgets"))
    body = f'{json.dumps(whole)[:-1]}, "widgets": [\n{widgets}\n]}}'
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Ref": "AWS::StackName"},
            "DashboardBody": {"Fn::Sub": body},
        },
    }
