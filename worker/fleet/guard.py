"""Ends a process at the first error in a callback of an engine.

Engines go on after a callback that has raised, with the next records, as if the failed ones were
processed. Only the end of the process prevents that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Fail = Callable[[BaseException], object]
"""Called with an error in the thread that raised it. A worker's hook ends the process and doesn't
return.
"""


@contextmanager
def guarded(fail: Fail) -> Iterator[None]:
    """Pass any error of the block to ``fail``, and raise it again if ``fail`` returns."""
    try:
        yield
    except BaseException as error:
        fail(error)
        raise
