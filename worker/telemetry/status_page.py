"""The worker's status as JSON: what ``voice-insights status`` shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from worker.telemetry.page import Page
from worker.telemetry.snapshot import TelemetrySnapshot
from worker.telemetry.status import StatusLine, status_of, values_of_snapshot

STATUS_PATH: Final = "/page/data/status.json"
JSON: Final = "application/json"


class WorkerStatusView(msgspec.Struct, frozen=True):
    """The status ``at`` an instant (epoch ms). ``unready``: why the worker is not ready; None if it
    is. ``lines``: none before the first commit.
    """

    at: int
    unready: str | None
    lines: list[StatusLine]


def status_page(
    snapshot: TelemetrySnapshot | None, last_sent: Mapping[str, int], unready: str | None, now: int
) -> Page:
    """Return the page at ``STATUS_PATH``. ``last_sent``: see ``status_of``."""
    lines = [] if snapshot is None else status_of(values_of_snapshot(snapshot), last_sent, now)
    return Page(200, JSON, msgspec.json.encode(WorkerStatusView(now, unready, lines)))


def status_view(text: str) -> WorkerStatusView:
    """Parse the status from the page's text. Raises ``ValueError`` if it is none."""
    try:
        return msgspec.json.decode(text, type=WorkerStatusView)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
