"""Session records and dead letters as objects of a bucket, by day and hour.

An object is named by its contents, so writing an entry twice equals writing it once: whatever the
outcome of an attempt, the next one finds the objects that exist and adds those that don't.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import msgspec
import zstandard

from worker.objectstore.api import ObjectStore, StoreFailure, StoreFailureKind
from worker.outbox.entries import DeliveryOutcome
from worker.partition.dead_letters import decode_letter

RECORDS: Final = "sessions"
DEAD_LETTERS: Final = "dead-letters"
"""The folders of session records and of dead letters."""

SUFFIX: Final = ".jsonl.zst"

_LEVEL: Final = 3


class _Record(msgspec.Struct):
    ended_at: str


_RECORD: Final = msgspec.json.Decoder(_Record)


def record_time(line: bytes) -> str:
    """Return when a record's session ended (RFC 3339, UTC)."""
    return _RECORD.decode(line).ended_at


def letter_time(line: bytes) -> str:
    """Return when a dead letter's contents arrived (RFC 3339, UTC); for samples, their first
    minute.
    """
    return decode_letter(line).time


class ObjectSink:
    """Writes entries of lines into ``folder`` of a bucket, as ``dt=…/hour=…/NAME.jsonl.zst``.

    ``time_of`` returns a line's time, which determines day and hour: an entry may become several
    objects. A name has minute and second of the earliest line, then a digest of all lines.
    """

    def __init__(self, objects: ObjectStore, folder: str, time_of: Callable[[bytes], str]) -> None:
        self._objects = objects
        self._folder = folder
        self._time_of = time_of

    def bucket_missing(self) -> bool:
        """Whether the bucket is known not to exist. A role that may only write can't find out."""
        answer = self._objects.keys(f"{self._folder}/")
        return isinstance(answer, StoreFailure) and answer.kind is StoreFailureKind.BUCKET_MISSING

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write the missing objects of an entry. Never ambiguous, because it may be repeated."""
        for key, data in self._contents(body).items():
            answer = self._objects.put(key, zstandard.compress(data, _LEVEL), None)
            if isinstance(answer, StoreFailure) and answer.kind is StoreFailureKind.CHANGED:
                answer = self._objects.etag(key)  # the object exists already
            if isinstance(answer, StoreFailure):
                return DeliveryOutcome.NOT_APPLIED, f"{self._objects.url}: {answer.detail}"
        return DeliveryOutcome.APPLIED, ""

    def _contents(self, body: bytes) -> dict[str, bytes]:
        """Return the objects of an entry, by key."""
        hours: dict[str, list[tuple[str, bytes]]] = {}
        for line in body.splitlines():
            time = self._time_of(line)
            hours.setdefault(time[:13], []).append((time, line))
        return dict(self._object(hour, lines) for hour, lines in hours.items())

    def _object(self, hour: str, timed: list[tuple[str, bytes]]) -> tuple[str, bytes]:
        data = b"".join(line + b"\n" for _, line in timed)
        digest = blake2b(data, digest_size=16).hexdigest()
        first = min(time for time, _ in timed)
        day, _, of_day = hour.partition("T")
        name = f"{first[14:16]}{first[17:19]}-{digest}{SUFFIX}"
        return f"{self._folder}/dt={day}/hour={of_day}/{name}", data
