"""Probes Pinecall for its key and its calls, and reads the bridge's checkpoint. Shell."""

from __future__ import annotations

from pathlib import Path

from worker.doctor.pinecall import PinecallFacts
from worker.errors import VoiceInsightsError
from worker.objectstore.api import Object, StoreFailureKind
from worker.opening import Locations
from worker.pinecall.api import CallLogs, CallsPage
from worker.pinecall.checkpoint import Checkpoint, decode_checkpoint
from worker.pinecall.checkpoint_store import CHECKPOINT_KEY


async def probe_pinecall(
    logs: CallLogs, locations: Locations, place: str, now: int
) -> PinecallFacts:
    """Collect the facts for the checks of Pinecall. ``place``: the checkpoint's location."""
    listed = await logs.calls(None)
    log = None
    if isinstance(listed, CallsPage) and listed.calls:
        log = await logs.page(listed.calls[0].call, 0, 1)
    checkpoint, unread = read_checkpoint(locations, place)
    return PinecallFacts(None, listed, log, checkpoint, unread, now)


def read_checkpoint(locations: Locations, place: str) -> tuple[Checkpoint | None, str | None]:
    """Read a bridge's checkpoint without acquiring it; None if there is none. Also return why it
    can't be read, None if it can.
    """
    try:
        found = _stored(locations, place)
        return (None if found is None else decode_checkpoint(found, place)), None
    except VoiceInsightsError as error:
        return None, str(error)
    except OSError as error:
        return None, f"{place}: {error.strerror}"


def _stored(locations: Locations, place: str) -> bytes | None:
    bucket = locations.bucket(place)
    if bucket is None:
        path = Path(place)
        return path.read_bytes() if path.exists() else None
    found = bucket.get(CHECKPOINT_KEY)
    if isinstance(found, Object):
        return found.data
    if found.kind is StoreFailureKind.MISSING:
        return None
    raise VoiceInsightsError(f"{place}: {found.detail}")
