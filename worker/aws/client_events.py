"""The events of boto3's clients, as far as they are used. Pure: a protocol."""

from __future__ import annotations

from typing import Any, Protocol


class ClientEvents(Protocol):
    """The part of a botocore session's events, or of a client's ``meta.events``, that is used."""

    def register(self, event_name: str, handler: Any) -> None:
        """Have ``handler`` called at each event of that name."""
