"""Tracebacks that show where an error occurred, without the data that a library was handling.

A library's error may quote its input: headers, addresses with passwords, contents. So its message
is left out, while the message of an error that this program's own code raised is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from traceback import TracebackException
from types import TracebackType
from typing import Final

from worker.logs.credentials import without_credentials

_OURS: Final = str(Path(__file__).parent.parent)
_BETWEEN: Final = "\nDuring handling of this, or because of it:\n\n"

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def traceback_of(exc_info: ExcInfo) -> str:
    """The traceback of an error and of its causes, the first cause first."""
    shown = TracebackException(*exc_info, compact=True)
    return without_credentials(_BETWEEN.join(map(_one, _chain(shown))).rstrip("\n"))


def _chain(last: TracebackException) -> Iterator[TracebackException]:
    before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
    if before is not None:
        yield from _chain(before)
    yield last


def _one(error: TracebackException) -> str:
    *_, last = list(error.format_exception_only()) or [""]
    kind, colon, _ = last.partition(":")
    ours = bool(error.stack) and error.stack[-1].filename.startswith(_OURS)
    if not ours and colon:
        last = f"{kind}: (a library's message, left out)\n"
    return f"Traceback (most recent call last):\n{''.join(error.stack.format())}{last}"
