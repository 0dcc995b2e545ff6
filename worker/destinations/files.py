"""Lines into files or standard output: session records, dead letters, EMF."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from stat import S_ISREG
from threading import Lock
from typing import BinaryIO, Final, cast

from worker.errors import Misconfigured, Unreachable
from worker.outbox.entries import DeliveryOutcome
from worker.sessions.record import encode_within

STDOUT: Final = "-"
LINE_AT_MOST: Final = 15_000


class LineSink:
    """Appends entries of lines to a file, or writes them to standard output (``-``).

    A file is flushed to disk before an entry counts as applied. A crash or a full disk in between
    repeats the entry: readers go by a record's key and revision. A line that was torn stays, and
    gets an end.
    """

    def __init__(self, path: str) -> None:
        """Raises ``Misconfigured`` if the file can't be written."""
        self._path = path
        self._writing = Lock()
        try:
            self._file: BinaryIO = (
                sys.stdout.buffer
                if path == STDOUT
                else cast("BinaryIO", Path(path).open("ab", buffering=0))  # noqa: SIM115
            )
            self._on_disk = path != STDOUT and S_ISREG(os.fstat(self._file.fileno()).st_mode)
            self._torn = self._on_disk and _torn(Path(path))
        except OSError as error:
            raise Misconfigured(f"can't write {path}: {error.strerror}") from error

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write all lines of an entry; several threads' entries come one after the other.

        Raises ``Unreachable`` if whoever read them has gone, and nobody can read any more.
        """
        with self._writing:
            return self._send(body)

    def _send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        try:
            self._write(b"\n" + body if self._torn else body)
            self._torn = False
            if self._on_disk:
                os.fsync(self._file.fileno())
        except BrokenPipeError as error:
            where = "standard output" if self._path == STDOUT else self._path
            raise Unreachable(f"nobody reads {where} any more; what is unsent stays") from error
        except OSError as error:
            self._torn = self._on_disk and _torn(Path(self._path))
            return DeliveryOutcome.AMBIGUOUS, f"{self._path}: {error.strerror}"
        return DeliveryOutcome.APPLIED, ""

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a file takes what there is room for
            rest = rest[self._file.write(rest) :]
        self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._path != STDOUT:
            self._file.close()


class StdoutRecords:
    """Session records on standard output, each line short enough for container runtimes.

    They split lines at 16 KB; a record that is longer leaves out its last turn rows.
    """

    def __init__(self) -> None:
        self._lines = LineSink(STDOUT)

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        """Write all records of an entry."""
        lines = (encode_within(line, LINE_AT_MOST) for line in body.splitlines())
        return self._lines.send(b"".join(line + b"\n" for line in lines))


def _torn(path: Path) -> bool:
    """Whether a crash left the file's last line without an end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")
