"""Lines in files or on standard output: session records, dead letters, EMF."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import BinaryIO, Final, NamedTuple, cast

from worker.errors import Misconfigured, Unreachable
from worker.outbox.entries import DeliveryOutcome
from worker.private_files import owner_only
from worker.sessions.record import encode_within

STDOUT: Final = "-"
STDOUT_LINE_BYTES: Final = 15_000


class LineSink:
    """Appends entries of lines to a file, or writes them to standard output (``-``).

    A file is flushed to disk before an entry counts as applied. A crash or a full disk in between
    repeats the entry: readers go by a record's key and revision. A torn line stays, and gets a line
    end. If the file at the path is replaced or moved away, entries go into the new one there: so
    the file can be moved away at any time.
    """

    def __init__(self, path: str, today: Callable[[], str] | None = None) -> None:
        """``today``: returns a date, which becomes a part of the file's name; None: always the same
        file. Raises ``Misconfigured`` if the file can't be written.
        """
        self._path = path
        self._today = today
        self._writing = Lock()
        self._torn = False
        self._on_disk = False
        self._opened: _Opened | None = None
        try:
            self._file()
        except OSError as error:
            raise Misconfigured(f"can't write {self._name()}: {error.strerror}") from error

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write all lines of an entry; the entries of several threads are serialized.

        Raises ``Unreachable`` if the reader of the lines is gone.
        """
        with self._writing:
            try:
                file = self._file()
            except OSError as error:
                return DeliveryOutcome.NOT_APPLIED, f"{self._name()}: {error.strerror}"
            return self._send(file, body)

    def _send(self, file: BinaryIO, body: bytes) -> tuple[DeliveryOutcome, str]:
        try:
            _write(file, b"\n" + body if self._torn else body)
            self._torn = False
            if self._on_disk:
                os.fsync(file.fileno())
        except BrokenPipeError as error:
            where = "standard output" if self._path == STDOUT else self._path
            why = f"nobody reads {where} any more; unsent entries stay in the outbox"
            raise Unreachable(why) from error
        except OSError as error:
            self._torn = self._on_disk and _torn(Path(self._name()))
            return DeliveryOutcome.AMBIGUOUS, f"{self._name()}: {error.strerror}"
        return DeliveryOutcome.APPLIED, ""

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._opened is not None:
            self._opened.file.close()

    def _name(self) -> str:
        if self._today is None:
            return self._path
        path = Path(self._path)
        return str(path.with_name(f"{path.stem}-{self._today()}{path.suffix}"))

    def _file(self) -> BinaryIO:
        """Return the file that now lies at the path, created if there is none."""
        if self._path == STDOUT:
            return sys.stdout.buffer
        name = self._name()
        if self._opened is None or self._opened.identity != _identity(name):
            self.close()
            self._opened = None
            file = cast("BinaryIO", open(name, "ab", buffering=0, opener=owner_only))  # noqa: SIM115
            found = os.fstat(file.fileno())
            self._opened = _Opened(file, (found.st_dev, found.st_ino))
            self._on_disk = S_ISREG(found.st_mode)
            self._torn = self._on_disk and _torn(Path(name))
        return self._opened.file


class _Opened(NamedTuple):
    """An open file, by its device and inode."""

    file: BinaryIO
    identity: tuple[int, int]


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = Path(name).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _write(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a write may be partial
        rest = rest[file.write(rest) :]
    file.flush()


class StdoutRecords:
    """Session records on standard output, each line short enough for container runtimes.

    Runtimes split lines at 16 KB; a longer record leaves out its timeline, then its last turn rows.
    """

    def __init__(self) -> None:
        self._lines = LineSink(STDOUT)

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write all records of an entry."""
        lines = (encode_within(line, STDOUT_LINE_BYTES) for line in body.splitlines())
        return self._lines.send(b"".join(line + b"\n" for line in lines))


def _torn(path: Path) -> bool:
    """Whether a crash left the file's last line without an end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")
