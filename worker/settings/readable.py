"""The operator's own settings, which stay readable where texts are redacted."""

from __future__ import annotations

from urllib.parse import urlsplit

from worker.logs.redaction import Own, own_texts
from worker.settings.model import Settings


def readable(settings: Settings) -> Own:
    """Return the text values of the settings, such as locations and the addresses of hosts."""
    values = [value for value in settings.model_dump().values() if isinstance(value, str)]
    return own_texts([*values, urlsplit(settings.endpoint_url or "").hostname or ""])
