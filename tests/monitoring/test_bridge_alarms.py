"""What is watched of Pinecall's calls and of their bridge, in a stack of its own."""

from __future__ import annotations

from worker.monitoring.alarm import Missing, Urgency
from worker.monitoring.alarms import alarms
from worker.monitoring.deployment import Deployment, Of
from worker.monitoring.template import monitoring_template
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS

TWILIO = Deployment("VoiceInsights", "VoiceInsights/Worker", labels=(("Agent", "desk"),))
PINECALL = TWILIO._replace(
    platform="pinecall", labels=(("Agent", "desk"), ("Platform", "pinecall"))
)


def test_a_bridge_that_stands_still_or_is_gone_wakes_someone() -> None:
    (still,) = (one for one in alarms(PINECALL) if one.name == "BridgeHeartbeat")
    assert (still.urgency, still.below, still.missing) == (Urgency.PAGE, True, Missing.BAD)
    assert [metric.name for metric in still.metrics] == ["BridgeHeartbeat"]


def test_alarms_on_calls_look_at_the_series_of_their_platform_only() -> None:
    for alarm in alarms(PINECALL):
        for metric in alarm.metrics:
            dimensions = dict(metric.all_dimensions(PINECALL))
            if metric.of is Of.CALLS:
                assert dimensions["Platform"] == "pinecall"
                assert dimensions["Agent"] == "desk"
            else:
                assert metric.name in BRIDGE_METRICS
    assert 'Name: "Platform"' not in monitoring_template(TWILIO)


def test_the_two_stacks_share_the_alarms_on_calls_and_no_other() -> None:
    names = {one.name for one in alarms(PINECALL)} & {one.name for one in alarms(TWILIO)}
    assert {one.metrics[0].of for one in alarms(TWILIO) if one.name in names} == {Of.CALLS}
    assert {"ResponseLatencyP95", "FailedSessions"} <= names
