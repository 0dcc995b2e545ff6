"""Recordings of calls that are too old for the stream: one file or object per call. Shell."""

from __future__ import annotations

import asyncio
import os
import re
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from worker.errors import Misconfigured
from worker.objectstore.retrying import Access
from worker.recordings.writer import write_recording
from worker.stream.record import Record

_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUFFIX: Final = ".jsonl"


class FolderArchive:
    """An archive in a folder, which as a whole is a recording that ``replay`` reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, call: str, records: list[Record]) -> str:
        """See ``CallArchive.keep``. Raises ``Misconfigured`` if the folder can't be written to."""
        return await asyncio.to_thread(self._keep, archive_name(call), records)

    def _keep(self, shard: str, records: list[Record]) -> str:
        place = self._folder / f"{shard}{_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self._folder, prefix=".") as made:
                os.replace(_written(Path(made), shard, records), place)  # noqa: PTH105
        except OSError as error:
            raise Misconfigured(
                f"pinecall_expired: can't write {place}: {error.strerror}"
            ) from error
        return str(place)


class BucketArchive:
    """An archive in a bucket, one object per call; a folder with copies of them is a recording."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def keep(self, call: str, records: list[Record]) -> str:
        """See ``CallArchive.keep``."""
        return await asyncio.to_thread(self._keep, archive_name(call), records)

    def _keep(self, shard: str, records: list[Record]) -> str:
        key = f"{shard}{_SUFFIX}"
        with TemporaryDirectory(prefix="voice-insights-") as made:
            data = _written(Path(made), shard, records).read_bytes()
        while self._access.replace(key, data, self._access.etag(key)) is None:
            pass  # another bridge has written the object meanwhile
        return f"{self._access.url}/{key}"


def archive_name(call: str) -> str:
    """Return the name of a call's shard in a recording: its id, or a digest of an id that can't
    name a file.
    """
    return call if _SAFE.fullmatch(call) else sha256(call.encode()).hexdigest()[:32]


def _written(folder: Path, shard: str, records: list[Record]) -> Path:
    """Write a file of the records, in order of arrival, under numbers as Kinesis pads them."""
    ordered = sorted(records, key=lambda record: (record.arrival, int(record.sequence_number)))
    write_recording(
        folder,
        (
            Record(shard, f"{number:020d}", one.arrival, one.data, one.partition_key)
            for number, one in enumerate(ordered, 1)
        ),
    )
    return folder / f"{shard}{_SUFFIX}"
