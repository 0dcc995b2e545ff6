"""Placeholder until merged. Pure."""

from __future__ import annotations

from worker.events.pinecall.cloud_event import CallEvent


class FrameMapping:
    """Placeholder."""

    def __init__(self, account: str) -> None:
        self.dropped: dict[str, int] = {}

    def read(self, event: str, data: object, arrival: int | None) -> list[CallEvent]:
        """Placeholder."""
        return []
