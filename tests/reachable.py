"""What a part of the worker holds on to."""

from __future__ import annotations

import gc
from typing import Final

from msgspec import Struct

_CONTAINERS: Final = (dict, list, set, frozenset, tuple)


def texts_within(root: object) -> set[str]:
    """All strings that can be reached from ``root`` over containers and the worker's own objects;
    what a test has put in between is not looked into.
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            found.add(one)
        elif isinstance(one, _CONTAINERS) or type(one).__module__.startswith("worker."):
            waiting += gc.get_referents(one)
        if isinstance(one, Struct):  # which the collector may know nothing of
            waiting += [getattr(one, name, None) for name in one.__struct_fields__]
        if isinstance(one, dict):
            waiting += one  # the collector passes over keys that are strings
    return found
