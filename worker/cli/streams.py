"""Standard streams that any command can use, however it was started.

A stream may be closed, and its encoding may lack most characters. A closed stream's descriptor is
kept occupied: otherwise the next file opened would get its number, and text meant for a terminal
would be written into that file.
"""

from __future__ import annotations

import io
import os
import sys
from typing import BinaryIO, NoReturn

from worker.errors import Misconfigured


class ClosedOutput(io.TextIOBase):
    """A standard output that was closed at the start: writing to it is the operator's error."""

    encoding = "utf-8"

    @property
    def buffer(self) -> BinaryIO:
        """Raises ``Misconfigured``."""
        _refuse()

    def write(self, text: str, /) -> int:  # noqa: ARG002
        """Raises ``Misconfigured``."""
        _refuse()


def _refuse() -> NoReturn:
    raise Misconfigured("standard output is closed")


def prepare_streams() -> None:
    """Make all three standard streams usable, and keep their descriptors occupied.

    Characters that an encoding lacks are escaped. Output to a closed standard error is discarded.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this stream's
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
