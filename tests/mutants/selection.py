"""Which tests a fault in a module is shown to: the nearest first. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final, NamedTuple

CUT_ACROSS: Final = (
    "tests/test_oracle.py",
    "tests/test_worked_examples.py",
    "tests/test_order_free.py",
    "tests/test_replay.py",
    "tests/test_wiring.py",
    "tests/simulation/test_crash_points.py",
)
"""Tests of the whole, for faults that the mirrored ones have let through."""


class Near(NamedTuple):
    """Test files, the nearest first. ``own``: those that mirror a module, and the others of its
    room that import it. ``all``: these, the rest of the room, and those that cut across.
    """

    own: list[str]
    all: list[str]


def nearest_tests(module: str, tests: Mapping[str, str]) -> Near:
    """The test files for ``module``. ``tests``: sources by path."""
    path = PurePosixPath(module)
    folder = PurePosixPath("tests", *path.parts[1:-1])
    room = PurePosixPath(*folder.parts[:2])
    near = sorted(
        (name for name in tests if name.startswith(f"{room}/")),
        key=lambda name: (not name.startswith(f"{folder}/"), name),
    )
    if len(folder.parts) == 1:  # a module that is a room by itself
        near = [name for name in near if PurePosixPath(name).stem == f"test_{path.stem}"]
    dotted = ".".join(path.with_suffix("").parts)
    mirrored = re.compile(rf"{folder}/test_{path.stem}(_\w+)?\.py$")
    importing = re.compile(rf"^from {re.escape(dotted)} import", re.MULTILINE)
    own = [
        *(name for name in near if mirrored.match(name)),
        *(name for name in near if importing.search(tests[name])),
    ]
    across = [name for name in CUT_ACROSS if name in tests]
    return Near(_each_once(own), _each_once([*own, *near, *across]))


def _each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
