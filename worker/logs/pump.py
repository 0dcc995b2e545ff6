"""A thread that writes lines to a stream, so that no caller ever waits for the stream.

The thread writes to the file descriptor directly: a thread that hangs in a buffered stream would
keep the interpreter from ending.
"""

from __future__ import annotations

import os
import select
from collections import deque
from threading import Condition, Thread
from typing import Final, Protocol, TextIO

_QUEUED_AT_MOST: Final = 4 << 20


class LogPump:
    """Takes lines without waiting and writes them to a stream from a daemon thread."""

    def __init__(self, stream: TextIO, queued_at_most: int = _QUEUED_AT_MOST) -> None:
        """``queued_at_most``: bytes that may wait to be written."""
        self._sink = _sink(stream)
        self._queued_at_most = queued_at_most
        self._lines: deque[bytes] = deque()
        self._queued = 0
        self._dropped = 0
        self._closed = False
        # A Condition's default lock is reentrant: a signal handler may log in the middle of put().
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Queue a line, or drop it if there is no room; returns at once."""
        with self._changed:
            if self._closed or self._queued + len(line) > self._queued_at_most:
                self._dropped += 1
                return
            self._lines.append(line)
            self._queued += len(line)
            self._changed.notify()

    def dropped(self) -> int:
        """The number of lines that were accepted or dropped and will never be written."""
        with self._changed:
            return self._dropped

    def close(self, timeout_s: float) -> None:
        """Accept no more lines, write those queued, and give up after ``timeout_s``.

        A second call does nothing.
        """
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        with self._changed:
            self._dropped += len(self._lines)
            self._lines.clear()

    def _run(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._sink.write(line)
            except (OSError, ValueError):  # the reader is gone, the disk is full, it was closed
                with self._changed:
                    self._dropped += 1
        self._sink.close()

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._lines and not self._closed:
                self._changed.wait()
            if not self._lines:
                return None
            line = self._lines.popleft()
            self._queued -= len(line)
            return line


class _Sink(Protocol):
    """The output of lines; either call may block."""

    def write(self, line: bytes) -> None: ...

    def close(self) -> None: ...


class _Descriptor:
    """A duplicated file descriptor: the stream's may be closed, and its number reused."""

    def __init__(self, number: int) -> None:
        self._number = os.dup(number)

    def write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:
                select.select([], [self._number], [])

    def close(self) -> None:
        os.close(self._number)


class _Memory:
    """A stream without a file descriptor, such as a test's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        self._stream.write(line.decode())
        self._stream.flush()

    def close(self) -> None:
        """Do nothing: the stream's owner closes it."""


def _sink(stream: TextIO) -> _Sink:
    try:
        return _Descriptor(stream.fileno())
    except (OSError, ValueError):
        return _Memory(stream)
