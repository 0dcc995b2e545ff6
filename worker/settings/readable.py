"""What of an operator's settings stays readable where texts are redacted."""

from __future__ import annotations

from urllib.parse import urlsplit

from worker.logs.redaction import Own, own_texts
from worker.settings.model import Settings


def readable(settings: Settings) -> Own:
    """All texts that the operator has set, such as places and the addresses of hosts."""
    values = [value for value in settings.model_dump().values() if isinstance(value, str)]
    return own_texts([*values, urlsplit(settings.endpoint_url or "").hostname or ""])
