"""The bridge's checkpoint, stored in a file or in a bucket. Shell."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, Protocol

from worker.errors import Fenced, Misconfigured
from worker.objectstore.retrying import Access
from worker.private_files import owner_only

CHECKPOINT_KEY: Final = "checkpoint"


Claim = Callable[[bytes | None], bytes]
"""Makes the document that a new owner stores, from the stored one; None if there is none."""


class CheckpointStore(Protocol):
    """Stores one document, for one writer at a time."""

    @property
    def place(self) -> str:
        """The document's location, for messages."""
        ...

    def acquire(self, claim: Claim) -> bytes:
        """Become the only writer; store and return what ``claim`` makes of the stored one."""
        ...

    def save(self, data: bytes) -> None:
        """Replace the whole document. Raises ``Fenced`` if another bridge has acquired it."""
        ...


class CheckpointFile:
    """A document in a file; a lock on a second file beside it admits one bridge at a time."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path
        self._lock: IO[bytes] | None = None

    def acquire(self, claim: Claim) -> bytes:
        """See ``CheckpointStore.acquire``. Raises ``Misconfigured`` if the file can't be used,
        ``Fenced`` if another bridge on this machine has it.
        """
        try:
            self._lock = open(f"{self._path}.lock", "ab", opener=owner_only)  # noqa: SIM115
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = self._path.read_bytes() if self._path.exists() else None
        except BlockingIOError as error:
            raise Fenced(f"{self.place} is in use by another bridge") from error
        except OSError as error:
            raise Misconfigured(
                f"pinecall_checkpoint: can't use {self.place}: {error.strerror}"
            ) from error
        data = claim(found)
        self.save(data)
        return data

    def save(self, data: bytes) -> None:
        """See ``CheckpointStore.save``; a crash leaves either the old document or the new one."""
        fresh = f"{self._path}.new"
        try:
            with open(fresh, "wb", opener=owner_only) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)  # noqa: PTH105
        except OSError as error:
            raise Misconfigured(
                f"pinecall_checkpoint: can't write {self.place}: {error.strerror}"
            ) from error


class CheckpointObject:
    """A document in a bucket, by conditional writes: of two bridges the later one continues."""

    def __init__(self, access: Access) -> None:
        self.place = f"{access.url}/{CHECKPOINT_KEY}"
        self._access = access
        self._etag: str | None = None

    def acquire(self, claim: Claim) -> bytes:
        """See ``CheckpointStore.acquire``. The earlier bridge may go on storing until this one has
        stored; its next save then raises ``Fenced``.
        """
        while True:
            found = self._access.read(CHECKPOINT_KEY)
            data = claim(None if found is None else found.data)
            self._etag = self._access.replace(
                CHECKPOINT_KEY, data, None if found is None else found.etag
            )
            if self._etag is not None:
                return data

    def save(self, data: bytes) -> None:
        """See ``CheckpointStore.save``."""
        etag = self._access.replace(CHECKPOINT_KEY, data, self._etag)
        if etag is None:
            raise Fenced(f"another bridge has taken {self.place}")
        self._etag = etag
