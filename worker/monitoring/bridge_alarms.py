"""The alarms of the bridge from Pinecall: about itself, from its metrics. Pure."""

from __future__ import annotations

from collections.abc import Callable

from worker.monitoring.alarm import Alarm, Urgency, metric_alarm
from worker.monitoring.deployment import Deployment, own


def bridge_alarms(
    deployment: Deployment, heartbeat: Callable[[Deployment, str, str], Alarm]
) -> list[Alarm]:
    """``heartbeat``: makes the alarm on a metric that must not fall silent, of the metric's name,
    which the alarm has, and what it means.
    """
    return [
        heartbeat(
            deployment,
            "BridgeHeartbeat",
            "the bridge has not read the list of calls, or put nothing, for longer than a "
            "deployment takes",
        ),
        *(
            metric_alarm(
                deployment,
                (name, Urgency.TICKET, about),
                own("value", metric),
                (threshold, unit),
                periods,
            )
            for name, about, metric, threshold, unit, periods in (
                (
                    "BridgeNotPut",
                    "the stream doesn't take what the bridge puts",
                    "BridgePutAge",
                    900_000,
                    "ms",
                    (60, 10),
                ),
                (
                    "BridgeCallsExpired",
                    "calls were too old for the stream",
                    "BridgeCallsExpired",
                    1,
                    "calls",
                    (3600, 1),
                ),
                (
                    "BridgeCallsGivenUp",
                    "calls can't be read to their end",
                    "BridgeCallsGivenUp",
                    1,
                    "calls",
                    (3600, 1),
                ),
                (
                    "BridgeGapsLost",
                    "entries of calls' logs are lost",
                    "BridgeGapsLost",
                    1,
                    "gaps",
                    (3600, 1),
                ),
            )
        ),
    ]
