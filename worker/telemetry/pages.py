"""The worker's pages for operators: health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from worker.telemetry.catalogue import TELEMETRY_METRICS, TelemetryMetric
from worker.telemetry.exposition import content_type_for, exposition
from worker.telemetry.facts import ProcessFacts
from worker.telemetry.families import Family
from worker.telemetry.liveness import SignsOfLife
from worker.telemetry.page import TEXT, Page
from worker.telemetry.prometheus import own_families, process_families
from worker.telemetry.snapshot import TelemetrySnapshot

_KEPT_S: Final = 1.0


class Pages:
    """``/healthz``: the loop turns. ``/readyz``: the state is acquired, the position of each shard
    is committed, and the stream can be read; ``unready`` returns why not. ``/metrics``: for
    Prometheus, made at most once a second, however often it is scraped; the process's metrics from
    the start, and the metrics of calls that ``calls`` returns.
    """

    def __init__(
        self,
        liveness: SignsOfLife,
        snapshot: Callable[[], TelemetrySnapshot | None],
        unready: Callable[[], str | None],
        process: Callable[[], ProcessFacts],
        calls: Callable[[], Iterable[Family]],
        monotonic: Callable[[], float],
        catalogue: Mapping[str, TelemetryMetric] = TELEMETRY_METRICS,
    ) -> None:
        self._liveness = liveness
        self._snapshot = snapshot
        self._unready = unready
        self._process = process
        self._calls = calls
        self._monotonic = monotonic
        self._catalogue = catalogue
        self._metrics: dict[str, Page] = {}
        self._metrics_until = monotonic()

    def __call__(self, path: str, accept: str = "") -> Page:
        """Return the page at ``path``, for a request with this Accept header. For one thread."""
        if path == "/healthz":
            return self._health()
        if path == "/readyz":
            return self._readiness()
        if path == "/metrics":
            return self._metrics_for(content_type_for(accept))
        return Page(404, TEXT, "there are /healthz, /readyz and /metrics\n")

    def _health(self) -> Page:
        if self._liveness.alive():
            return Page(200, TEXT, "ok\n")
        return Page(503, TEXT, f"no turn for {self._liveness.silent_s():.0f} s\n")

    def _readiness(self) -> Page:
        why = self._unready()
        return Page(200, TEXT, "ok\n") if why is None else Page(503, TEXT, f"{why}\n")

    def _metrics_for(self, content_type: str) -> Page:
        if self._monotonic() >= self._metrics_until:
            self._metrics.clear()
            self._metrics_until = self._monotonic() + _KEPT_S
        if content_type not in self._metrics:
            text = exposition(self._families(), content_type)
            self._metrics[content_type] = Page(200, content_type, text)
        return self._metrics[content_type]

    def _families(self) -> Iterator[Family]:
        yield from own_families(self._snapshot(), self._catalogue)
        yield from process_families(self._process())
        yield from self._calls()
