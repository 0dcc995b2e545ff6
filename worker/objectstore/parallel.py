"""Map a function over items in daemon threads, which never keep a process from ending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def each(function: Callable[[_T], _R], items: Sequence[_T], threads: int) -> list[_R]:
    """Return the result of ``function`` for each item, in order; with one thread the calls run in
    the caller's thread, one by one. Raises the error of the first call that failed.
    """
    results: dict[int, _R] = {}
    errors: list[BaseException] = []
    numbers = iter(range(len(items)))
    lock = Lock()

    def work() -> None:
        try:
            while not errors:
                with lock:
                    n = next(numbers, None)
                if n is None:
                    return
                results[n] = function(items[n])
        except BaseException as error:
            errors.append(error)

    helpers = [Thread(target=work, daemon=True) for _ in range(min(threads, len(items)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return [results[n] for n in range(len(items))]
