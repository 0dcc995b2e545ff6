"""Targets of latencies, by platform: the lines on dashboards, and fallbacks of alarms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from worker.events.pinecall.platform import PINECALL
from worker.monitoring.deployment import Deployment


class Target(NamedTuple):
    """Good latencies: a median and a limit, in ms."""

    median: int
    limit: int


TARGETS: Final = {
    "ResponseLatency": Target(885, 1100),
    "CallerWait": Target(885, 1100),
    "SttLatency": Target(350, 500),
    "ApplicationLatency": Target(375, 750),
    "TtsLatency": Target(100, 250),
}
"""Twilio's targets by latency metric. Speech to text's probably includes end-pointing, which
SttLatency leaves out; the gap's also serves CallerWait, which includes doubtful turns."""

END_POINTING_MS: Final = 500
"""The approximate time (ms) that a platform takes to find the end of a turn."""

_BY_PLATFORM: Final[Mapping[str, Mapping[str, Target]]] = {
    # the vendor publishes none, and its gap begins with the end of the sound
    PINECALL.name: {
        name: Target(target.median + END_POINTING_MS, target.limit + END_POINTING_MS)
        if name in ("ResponseLatency", "CallerWait")
        else target
        for name, target in TARGETS.items()
    }
}

PLATFORMS_APART: Final = tuple(_BY_PLATFORM)
"""Platforms that have targets of their own, and so are judged apart from the others."""


def targets_of(deployment: Deployment) -> Mapping[str, Target]:
    """Return the targets of the platform that a deployment watches, by latency metric."""
    return _BY_PLATFORM.get(deployment.platform, TARGETS)
