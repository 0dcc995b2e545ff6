"""Lines into files or standard output: session records, dead letters, EMF."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final

from worker.emit.emf import emf_lines
from worker.emit.outbox import Outcome
from worker.errors import Misconfigured, Unreachable
from worker.sessions.record import encode_within

STDOUT: Final = "-"
LINE_AT_MOST: Final = 15_000


class LineSink:
    """Appends entries of lines to a file, or writes them to standard output (``-``).

    A file is flushed to disk before an entry counts as applied. A crash in between repeats
    the entry: readers go by a record's key and revision. A line that the crash tore stays, and
    gets an end.
    """

    def __init__(self, path: str) -> None:
        """Raises ``Misconfigured`` if the file can't be written."""
        self._path = path
        try:
            self._file: BinaryIO = (
                sys.stdout.buffer if path == STDOUT else Path(path).open("ab")  # noqa: SIM115
            )
            self._on_disk = path != STDOUT and S_ISREG(os.fstat(self._file.fileno()).st_mode)
            if self._on_disk and _torn(Path(path)):
                self._file.write(b"\n")
        except OSError as error:
            raise Misconfigured(f"can't write {path}: {error.strerror}") from error

    def send(self, body: bytes) -> tuple[Outcome, str]:
        """Write all lines of an entry.

        Raises ``Unreachable`` if whoever read them has gone, and nobody can read any more.
        """
        try:
            self._file.write(body)
            self._file.flush()
            if self._on_disk:
                os.fsync(self._file.fileno())
        except BrokenPipeError as error:
            where = "standard output" if self._path == STDOUT else self._path
            raise Unreachable(f"nobody reads {where} any more; what is unsent stays") from error
        except OSError as error:
            return Outcome.AMBIGUOUS, type(error).__name__
        return Outcome.APPLIED, ""

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

    def send(self, body: bytes) -> tuple[Outcome, str]:
        """Write all records of an entry."""
        lines = (encode_within(line, LINE_AT_MOST) for line in body.splitlines())
        return self._lines.send(b"".join(line + b"\n" for line in lines))


def _torn(path: Path) -> bool:
    """Whether a crash left the file's last line without an end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) not in (b"", b"\n")


class EmfSink:
    """Writes metrics entries as lines of EMF."""

    def __init__(self, lines: LineSink, namespace: str) -> None:
        self._lines = lines
        self._namespace = namespace

    def send(self, body: bytes) -> tuple[Outcome, str]:
        """Write a metrics entry."""
        return self._lines.send(emf_lines(body, self._namespace))
