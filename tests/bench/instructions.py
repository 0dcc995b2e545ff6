"""What a record takes in machine instructions, counted by valgrind: no neighbour disturbs that.

Each count is of a process from its start to its end; what the one before in a row of ever longer
ones has taken, too, is taken off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.bench.processes import LONGEST_S, ROOT, environment
from tests.bench.stages import STAGES

VALGRIND: Final = shutil.which("valgrind")
"""None where there is none: then nothing can be counted."""

_COLLECTED: Final = re.compile(r"Collected : (\d+)")
_IN_A_ROW: Final = ("read", "decode", "fold", "close", "encode")


def instructions(recording: Path, records: int) -> dict[str, float]:
    """Instructions a record, by stage, as ``STAGES`` has them, and of the loop's ``json``."""
    up_to = {stage: _count(stage, recording) for stage in ("parse", "json", *_IN_A_ROW)}
    before = {"parse": "read", "json": "read"} | {
        later: earlier for earlier, later in pairwise(_IN_A_ROW)
    }
    return {stage: (up_to[stage] - up_to[before[stage]]) / records for stage in (*STAGES, "json")}


def _count(stage: str, recording: Path) -> int:
    done = subprocess.run(
        [
            *(str(VALGRIND), "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            *(sys.executable, "-m", "tests.bench.stages", stage, str(recording)),
        ],
        cwd=ROOT,
        env={**environment(), "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=True,
    )
    found = _COLLECTED.search(done.stderr)
    assert found is not None, done.stderr
    return int(found[1])
