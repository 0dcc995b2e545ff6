"""One measurement in a process of its own: ``python -m tests.bench.runs NAME ARGUMENT...``.

Only what it needs is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from tests.bench.peers.measured import tell

RUNS: Final[dict[str, tuple[str, tuple[Callable[[str], object], ...]]]] = {
    "write_inputs": ("inputs", (Path, int, int, int, int)),
    "write_state": ("states", (Path, int, int)),
    "replay": ("replaying", (str,)),
    "replay_as_live": ("replaying", (str,)),
    "replay_files": ("replaying", (str,)),
    "oracle": ("replaying", (str,)),
    "sums": ("replaying", (str,)),
    "append_json": ("replaying", (str,)),
    "append_validated": ("replaying", (str,)),
    "curve": ("replaying", (int, int)),
    "stages": ("stages", (str,)),
    "in_turn": ("stages", (str,)),
    "live": ("live", (str, str, int)),
    "fetch": ("live", (str, int)),
    "restore": ("states", (str, int)),
    "commit": ("states", (str, int, int, int)),
    "ours": ("aggregates", (int, int, str)),
    "library": ("aggregates", (int, int, str)),
    "checksums": ("aggregates", (int, int, str)),
    "router": ("fleet", (str,)),
    "partitions": ("fleet", (str, Path, int, int)),
    "single": ("fleet", (str, Path)),
}
"""The function of each name: its module, and what its arguments are."""


def run(name: str, *given: str) -> dict[str, Any]:
    """The figures of the measurement of that name."""
    if name not in RUNS or len(given) != len(RUNS[name][1]):
        raise SystemExit(f"no such measurement: {name} {given}")
    module, kinds = RUNS[name]
    arguments = (kind(text) for kind, text in zip(kinds, given, strict=True))
    function = getattr(import_module(f"tests.bench.{module}"), name)
    return {**(function(*arguments) or {})}


if __name__ == "__main__":
    tell(**run(*sys.argv[1:]))
