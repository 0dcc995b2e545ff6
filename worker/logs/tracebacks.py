"""Tracebacks that tell where something failed, and nothing that a library was working on.

What a library raises may quote what it was given: headers, addresses with passwords, contents. So
its words are left out, and those of an error that this program's own code raised are kept.
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
    """The traceback of an error and of those that led to it, the first one first."""
    told = TracebackException(*exc_info, compact=True)
    return without_credentials(_BETWEEN.join(map(_one, _chain(told))).rstrip("\n"))


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
        last = f"{kind}: (what a library says is left out)\n"
    return f"Traceback (most recent call last):\n{''.join(error.stack.format())}{last}"
