"""Standard streams that any command can use, whatever it was started with.

A stream may be closed, and its encoding may lack most characters. The number of a closed one is
given to nothing: the next file that is opened must not take its place, or what is meant for a
terminal would be written into it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import BinaryIO, NoReturn

from worker.errors import Misconfigured


class ClosedOutput(io.TextIOBase):
    """Standard output that nobody opened: writing to it is the operator's error."""

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
    """Make all three standard streams usable, and keep their numbers from other files.

    What an encoding lacks is escaped. What is written to a closed standard error is lost.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
