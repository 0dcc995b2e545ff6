"""What the worker answers to those who look after it: health, readiness, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from worker.telemetry.facts import ProcessFacts
from worker.telemetry.liveness import Liveness
from worker.telemetry.prometheus import CONTENT_TYPE, process_page, prometheus_page
from worker.telemetry.snapshot import TelemetrySnapshot

TEXT: Final = "text/plain; charset=utf-8"
_KEPT_S: Final = 1.0


class Page(NamedTuple):
    """An answer: its HTTP status and what it holds. ``headers``: further ones."""

    status: int
    content_type: str
    body: str | bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body if isinstance(self.body, str) else self.body.decode()

    @property
    def encoded(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else self.body.encode()


class Pages:
    """``/healthz``: the loop turns. ``/readyz``: the state is taken, where each shard goes on is
    committed, and the stream can be read; ``unready`` tells why not. ``/metrics``: for
    Prometheus, made anew at most once a second, ask who may; of the process from the start on.
    """

    def __init__(
        self,
        liveness: Liveness,
        snapshot: Callable[[], TelemetrySnapshot | None],
        unready: Callable[[], str | None],
        process: Callable[[], ProcessFacts],
        monotonic: Callable[[], float],
    ) -> None:
        self._liveness = liveness
        self._snapshot = snapshot
        self._unready = unready
        self._process = process
        self._monotonic = monotonic
        self._metrics = Page(200, CONTENT_TYPE, "")
        self._metrics_until = monotonic()

    def __call__(self, path: str, accept: str = "") -> Page:  # noqa: ARG002
        """The page at ``path``, for a request with this Accept header. For one thread."""
        if path == "/healthz":
            return self._health()
        if path == "/readyz":
            return self._readiness()
        if path == "/metrics":
            return self._own_metrics()
        return Page(404, TEXT, "there are /healthz, /readyz and /metrics\n")

    def _health(self) -> Page:
        if self._liveness.alive():
            return Page(200, TEXT, "ok\n")
        return Page(503, TEXT, f"no turn for {self._liveness.silent_s():.0f} s\n")

    def _readiness(self) -> Page:
        why = self._unready()
        return Page(200, TEXT, "ok\n") if why is None else Page(503, TEXT, f"{why}\n")

    def _own_metrics(self) -> Page:
        if self._monotonic() >= self._metrics_until:
            text = prometheus_page(self._snapshot()) + process_page(self._process())
            self._metrics = Page(200, CONTENT_TYPE, text)
            self._metrics_until = self._monotonic() + _KEPT_S
        return self._metrics
