"""The HTTP port of a running worker: health, metrics and the page of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from worker.page.live import FindRecords, LivePage
from worker.page.recent import RecentBounds
from worker.service.ports import Clocks
from worker.settings.model import Settings
from worker.settings.rules import page_is_served, rules_of
from worker.telemetry.collector import TelemetryCollector
from worker.telemetry.http import HttpServer
from worker.telemetry.page import Page
from worker.telemetry.pages import Pages
from worker.telemetry.readiness import Readiness
from worker.telemetry.status_page import STATUS_PATH, status_page
from worker.telemetry.worker_log import WorkerLog

_ENDING_S: Final = 2.0
_HOUR_MS: Final = 3_600_000


class ServedPage:
    """The page of calls, and the status of the worker that serves it."""

    def __init__(
        self,
        settings: Settings,
        clocks: Clocks,
        telemetry: TelemetryCollector,
        readiness: Readiness,
        find_records: FindRecords,
    ) -> None:
        self._settings = settings
        self._now = clocks.now
        self._telemetry = telemetry
        self._readiness = readiness
        bounds = RecentBounds(settings.page_hours * _HOUR_MS, settings.page_calls)
        rules, snapshot = rules_of(settings), telemetry.snapshot
        self.live = LivePage(clocks, bounds, rules, snapshot, find_records)

    def view(self, path: str, query: Mapping[str, str]) -> Page:
        """Answer a path at ``/page`` or below. For the thread that makes views."""
        if path != STATUS_PATH:
            return self.live.answer(path, query)
        snapshot, last_sent = self._telemetry.snapshot(), self._telemetry.last_sent()
        return status_page(snapshot, last_sent, self._readiness.unready(), self._now())


def served_page(
    settings: Settings,
    clocks: Clocks,
    telemetry: TelemetryCollector,
    readiness: Readiness,
    find_records: FindRecords,
) -> ServedPage | None:
    """Make the page; None if the settings don't have it served. For ``find_records`` see
    ``LivePage``.
    """
    if not page_is_served(settings):
        return None
    return ServedPage(settings, clocks, telemetry, readiness, find_records)


@contextmanager
def serving(
    settings: Settings, log: WorkerLog, pages: Pages, page: ServedPage | None
) -> Iterator[None]:
    """Serve health, metrics and the page at the settings' port, if they name one."""
    if settings.health_port is None:
        yield
        return
    view = None if page is None else page.view
    host, port = settings.health_host, settings.health_port
    server = HttpServer(pages, host, port, view, log.page_failed)
    if page is not None:
        page.live.start()
    server.start()
    log.served(server.port, page is not None, settings.page)
    try:
        yield
    finally:
        server.stop(_ENDING_S)
        if page is not None:
            page.live.stop(_ENDING_S)
