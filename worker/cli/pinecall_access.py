"""How commands reach Pinecall: its libraries, its key, an address that a key may be sent to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from worker.cli.twilio_rest import read_secret
from worker.doctor.pinecall import PinecallFacts
from worker.doctor.probing_pinecall import probe_pinecall, read_checkpoint
from worker.errors import Misconfigured, VoiceInsightsError
from worker.opening import Locations
from worker.pinecall.credentials import ApiKey, find_key
from worker.settings.model import Settings

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def pinecall_key(
    environ: Mapping[str, str], region: str | None, endpoint_url: str | None
) -> ApiKey:
    """The key, from the environment or from AWS Secrets Manager. Raises ``Misconfigured`` if there
    is none.
    """
    return find_key(environ, lambda name: read_secret(name, region, endpoint_url))


def require_libraries() -> None:
    """Raises ``Misconfigured`` without what the extra ``pinecall`` installs."""
    if any(find_spec(name) is None for name in ("httpx", "httpx_sse")):
        raise Misconfigured(
            "the bridge from Pinecall needs httpx and httpx-sse; in a checkout of the repository: "
            "pip install '.[pinecall]'"
        )


def examine_pinecall(settings: Settings, environ: Mapping[str, str], now: int) -> PinecallFacts:
    """Collect the facts of Pinecall for ``doctor``, by the bridge's settings. ``now``: epoch ms."""
    place = settings.pinecall_checkpoint
    locations = Locations(settings.region, settings.endpoint_url)
    try:
        require_libraries()
        require_private(settings.pinecall_url)
        key = pinecall_key(environ, settings.region, settings.endpoint_url)
    except VoiceInsightsError as error:
        checkpoint, unread = read_checkpoint(locations, place)
        return PinecallFacts(str(error), None, None, checkpoint, unread, now)
    return asyncio.run(_examined(settings, key, locations, now))


async def _examined(
    settings: Settings, key: ApiKey, locations: Locations, now: int
) -> PinecallFacts:
    from worker.pinecall.http import http_call_logs

    async with http_call_logs(settings.pinecall_url, key.value, settings.pinecall_env) as logs:
        return await probe_pinecall(logs, locations, settings.pinecall_checkpoint, now)


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
