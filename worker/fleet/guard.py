"""The end of a process at the first error in what an engine calls.

Engines go on after a callback that has raised: with the next records, as though these had been
processed. Only the end of the process keeps them from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Fail = Callable[[BaseException], object]
"""Called with an error in the thread that met it. A worker's ends the process and doesn't return.
"""


@contextmanager
def guarded(fail: Fail) -> Iterator[None]:
    """Pass whatever the block raises to ``fail``, and raise it on if that returns."""
    try:
        yield
    except BaseException as error:
        fail(error)
        raise
