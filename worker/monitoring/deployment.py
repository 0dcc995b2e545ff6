"""What the watch is of: namespaces, series and delays of one deployment. Pure."""

from __future__ import annotations

from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.partition.rules import Rules
from worker.telemetry.catalogue import TELEMETRY_METRICS

DELIVERY_S: Final = 90
"""Within so long after an occurrence Twilio has typically delivered its event."""

VISIBLE_S: Final = 60
"""Within so long CloudWatch shows what it was sent."""

REPORT_S: Final = 60
"""How often the worker, or Kinesis, reports about itself."""

STREAM_NAME: Final = "${StreamName}"
"""For CloudFormation to fill in."""

DimensionPairs = tuple[tuple[str, str], ...]


class Deployment(NamedTuple):
    """``rules``: the worker's. ``labels``: the fixed dimensions of the account to watch, for a
    labelled account adds to no series without its labels.
    """

    namespace: str
    own_namespace: str
    rules: Rules = Rules()
    labels: DimensionPairs = ()


class Of(Enum):
    """What a metric is about, and so who publishes it where."""

    CALLS = "calls"
    WORKER = "worker"
    STREAM = "stream"


class MetricQuery(NamedTuple):
    """A statistic of a series, by an id (a lower-case letter first) for expressions.

    ``dimensions``: of a metric of calls, beside the labels.
    """

    id: str
    name: str
    statistic: str
    dimensions: DimensionPairs = ()
    of: Of = Of.CALLS

    def namespace(self, deployment: Deployment) -> str:
        """Where it is published."""
        return {
            Of.CALLS: deployment.namespace,
            Of.WORKER: deployment.own_namespace,
            Of.STREAM: "AWS/Kinesis",
        }[self.of]

    def all_dimensions(self, deployment: Deployment) -> DimensionPairs:
        """By name, as it is published; the worker's metrics about itself have none."""
        return {
            Of.CALLS: tuple(sorted((*deployment.labels, *self.dimensions))),
            Of.WORKER: (),
            Of.STREAM: (("StreamName", STREAM_NAME),),
        }[self.of]


def own(id_: str, name: str) -> MetricQuery:
    """A metric of the worker about itself, by the statistic that says what it is about."""
    return MetricQuery(id_, name, TELEMETRY_METRICS[name].statistic, of=Of.WORKER)


def of_stream(id_: str, name: str) -> MetricQuery:
    """A count that Kinesis publishes of the stream."""
    return MetricQuery(id_, name, "Sum", of=Of.STREAM)


def delay_s(deployment: Deployment, metric: MetricQuery) -> int:
    """By how much a minute of a metric may show up late, in the usual run of things.

    What is known of a session only when it has closed (an abandoned wait is a turn metric, and is
    known no sooner) comes within both delays.
    """
    if metric.of is not Of.CALLS:
        return REPORT_S + VISIBLE_S
    rules = deployment.rules
    closed = max(rules.close_after_wrap_up, rules.hold_hole)
    held = {
        Hold.DIRECT: rules.hold_direct,
        Hold.TURN: max(rules.hold_turn, rules.hold_max, closed),
        Hold.SESSION: closed,
    }[CATALOGUE[metric.name].hold]
    return DELIVERY_S + ceil((held + rules.release_every) / 1000) + VISIBLE_S
