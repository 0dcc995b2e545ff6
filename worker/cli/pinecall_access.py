"""How commands reach Pinecall: its key, and an address that a key may be sent to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from worker.cli.twilio_rest import read_secret
from worker.errors import Misconfigured
from worker.pinecall.credentials import ApiKey, find_key

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def pinecall_key(
    environ: Mapping[str, str], region: str | None, endpoint_url: str | None
) -> ApiKey:
    """The key, from the environment or from AWS Secrets Manager. Raises ``Misconfigured`` if there
    is none.
    """
    return find_key(environ, lambda name: read_secret(name, region, endpoint_url))


def require_private(url: str) -> None:
    """Raises ``Misconfigured`` for an address that would send the key in the clear."""
    parts = urlsplit(url)
    if "@" not in parts.netloc and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        return
    raise Misconfigured(
        "pinecall_url is https://HOST, or http://127.0.0.1:PORT for a stub on this machine"
    )
