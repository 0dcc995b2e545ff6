"""The monitored deployment: its namespaces, series and delays. Pure."""

from __future__ import annotations

from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.partition.rules import Rules
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS
from worker.telemetry.catalogue import TelemetryMetric
from worker.telemetry.fleet_catalogue import FLEET_METRICS

DELIVERY_S: Final = 90
"""Twilio's typical delay from an occurrence to the delivery of its event."""

VISIBLE_S: Final = 60
"""The delay until CloudWatch shows the samples that it has accepted."""

REPORT_S: Final = 60
"""The interval of the worker's telemetry and of Kinesis's metrics."""

STREAM_NAME: Final = "${StreamName}"
KEYED_NAME: Final = "${KeyedStreamName}"
"""Placeholders that CloudFormation substitutes."""

DimensionPairs = tuple[tuple[str, str], ...]


class Deployment(NamedTuple):
    """``rules``: the worker's rules. ``labels``: the fixed dimensions of the account to monitor,
    since a labelled account's samples are only in series with its labels. ``platform``: the
    platform to monitor, if its series carry the dimension Platform, which is among the labels then;
    empty for the other platforms and for the worker itself. ``buckets``: those of a fleet; 0 if a
    single worker reads the stream.
    """

    namespace: str
    own_namespace: str
    rules: Rules = Rules()
    labels: DimensionPairs = ()
    platform: str = ""
    buckets: int = 0


class Of(Enum):
    """The subject of a metric, which determines its publisher and namespace."""

    CALLS = "calls"
    WORKER = "worker"
    STREAM = "stream"
    KEYED = "keyed stream"


class MetricQuery(NamedTuple):
    """A statistic of a series, by an id (a lower-case letter first) for expressions.

    ``dimensions``: a call metric's dimensions besides the labels.
    """

    id: str
    name: str
    statistic: str
    dimensions: DimensionPairs = ()
    of: Of = Of.CALLS

    def namespace(self, deployment: Deployment) -> str:
        """The namespace that the metric is published in."""
        return {
            Of.CALLS: deployment.namespace,
            Of.WORKER: deployment.own_namespace,
            Of.STREAM: "AWS/Kinesis",
            Of.KEYED: "AWS/Kinesis",
        }[self.of]

    def all_dimensions(self, deployment: Deployment) -> DimensionPairs:
        """The dimensions as published, sorted by name; telemetry has none."""
        return {
            Of.CALLS: tuple(sorted((*deployment.labels, *self.dimensions))),
            Of.WORKER: (),
            Of.STREAM: (("StreamName", STREAM_NAME),),
            Of.KEYED: (("StreamName", KEYED_NAME),),
        }[self.of]


def telemetry_metric(name: str) -> TelemetryMetric:
    """A telemetry metric of the worker, of a fleet or of the bridge."""
    return (BRIDGE_METRICS if name in BRIDGE_METRICS else FLEET_METRICS)[name]


def own(id_: str, name: str) -> MetricQuery:
    """A query of a telemetry metric, by the statistic that yields its meaning."""
    return MetricQuery(id_, name, telemetry_metric(name).statistic, of=Of.WORKER)


def of_stream(id_: str, name: str) -> MetricQuery:
    """A query of a count that Kinesis publishes about the stream."""
    return MetricQuery(id_, name, "Sum", of=Of.STREAM)


def of_keyed_stream(id_: str, name: str) -> MetricQuery:
    """A query of a count that Kinesis publishes about a fleet's keyed stream."""
    return MetricQuery(id_, name, "Sum", of=Of.KEYED)


def delay_s(deployment: Deployment, metric: MetricQuery) -> int:
    """The usual delay, in seconds, until a minute of a metric is visible in CloudWatch.

    It also covers samples that are known only when a session has closed, such as abandoned waits,
    which are a turn metric.
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
