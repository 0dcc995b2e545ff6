"""The worker's metrics about itself on their way into the log stream."""

from __future__ import annotations

import json
from collections.abc import Callable

from worker.logs.setup import fitting_line
from worker.telemetry.emf import emf_fields
from worker.telemetry.snapshot import MetricValues, TelemetrySnapshot
from worker.times.rfc3339 import format_ms


class TelemetryLines:
    """Writes a line of EMF for each reading, among the log lines but whatever their level.

    They take the way of the log lines, and not that of EMF in place of CloudWatch: they are told
    by a worker that must not wait, and standard output may be carrying session records.
    """

    def __init__(self, put: Callable[[bytes], None], namespace: str) -> None:
        """``put`` takes a line and returns at once."""
        self._put = put
        self._namespace = namespace
        self._before: MetricValues = {}

    def __call__(self, snapshot: TelemetrySnapshot, at: int) -> None:
        """Write the line; ``at``: epoch ms."""
        first = {"timestamp": format_ms(at), "level": "info", "event": "own metrics"}
        fields = emf_fields(snapshot, self._before, at, self._namespace)
        self._before = snapshot.values
        self._put(fitting_line({**first, **fields}, json.dumps))
