"""The worker's telemetry in the log stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from worker.logs.setup import fitting_line
from worker.telemetry.catalogue import TELEMETRY_METRICS, TelemetryMetric
from worker.telemetry.emf import emf_fields
from worker.telemetry.snapshot import MetricValues, TelemetrySnapshot
from worker.times.rfc3339 import format_ms


class TelemetryLines:
    """Writes a line of EMF for each snapshot, among the log lines and at any log level.

    These lines go through the log's queue rather than through the EMF sink: the worker must not
    wait for them, and standard output may carry session records.
    """

    def __init__(
        self,
        put: Callable[[bytes], None],
        namespace: str,
        catalogue: Mapping[str, TelemetryMetric] = TELEMETRY_METRICS,
    ) -> None:
        """``put`` takes a line and returns at once. ``catalogue``: of the metrics in readings."""
        self._put = put
        self._namespace = namespace
        self._catalogue = catalogue
        self._before: MetricValues = {}

    def __call__(self, snapshot: TelemetrySnapshot, at: int) -> None:
        """Write a snapshot's line; ``at``: epoch ms."""
        first = {"timestamp": format_ms(at), "level": "info", "event": "own metrics"}
        fields = emf_fields(snapshot, self._before, at, self._namespace, self._catalogue)
        self._before = snapshot.values
        self._put(fitting_line({**first, **fields}, json.dumps))
