"""Where requests of a worker arrive in the simulation, on the far side of its real sinks."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.world import World
from worker.outbox.entries import DeliveryOutcome, EntryKind


class MetricsClient:
    """CloudWatch's client."""

    def __init__(self, world: World) -> None:
        self._world = world

    def put_metric_data(self, **arguments: Any) -> object:
        """One request. Raises what boto3 raises."""
        datums = arguments["MetricData"]
        if any(datum["MetricName"] in self._world.plan.poison for datum in datums):
            raise _INVALID
        return self._world.cloudwatch.put_metric_data(**arguments)


class LineWriter:
    """A ``Sink`` of lines."""

    def __init__(self, world: World, kind: EntryKind) -> None:
        self._world = world
        self._kind = kind

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Append a block of lines."""
        return self._world.write(self._kind, body)


_INVALID = ClientError(
    {
        "Error": {"Code": "InvalidParameterValue", "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    },
    "PutMetricData",
)
