"""The used part of the events of boto3's clients. Pure: a protocol."""

from __future__ import annotations

from typing import Any, Protocol


class ClientEvents(Protocol):
    """The used part of a botocore session's events, or of a client's ``meta.events``."""

    def register(self, event_name: str, handler: Any) -> None:
        """Call ``handler`` at each event with that name."""
