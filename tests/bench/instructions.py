"""What a run takes in machine instructions, counted by callgrind: no neighbour disturbs that.

A stopwatch asks for the resources of the process's children when it is started and when it is
stopped (``tests.bench.peers.measured``), and nothing else does. So callgrind, which closes a part
of its count whenever that function of the C library is entered, gives each stretch under a watch a
part of its own. A program runs some fifty times slower under it, and one thread at a time: what a
clock drives, commits for one, comes round more often for each record than it does otherwise.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.bench.processes import Program, measure

VALGRIND: Final = shutil.which("valgrind")
"""None where there is none: then nothing can be counted."""

_MARK: Final = "getrusage"
_TOTALS: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)


class Counted(NamedTuple):
    """The instructions ``before`` the first watch ran and in each ``stretch`` under a watch, and
    the figures that the run tells.
    """

    before: int
    stretches: list[int]
    figures: Mapping[str, Any]

    @property
    def a_record(self) -> float:
        """Instructions a record, all stretches together."""
        records: int = self.figures["records"]
        return sum(self.stretches) / records


def counted(program: Program, valgrind: str | None = VALGRIND) -> Counted:
    """Run it under callgrind. Raises RuntimeError if it fails."""
    assert valgrind is not None
    with tempfile.TemporaryDirectory(prefix="callgrind-") as folder:
        out = Path(folder) / "out"
        under = (
            *(valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"),
            f"--dump-before={_MARK}",
        )
        figures = measure(program, under)
        closed = [_total(part) for part in sorted(out.parent.glob("out.*"), key=_number)]
    assert len(closed) % 2 == 0, f"{program}: a watch that was never stopped"
    return Counted(closed[0], closed[1::2], figures)


def _number(part: Path) -> int:
    return int(part.suffix[1:])


def _total(part: Path) -> int:
    found = _TOTALS.search(part.read_text(encoding="utf-8"))
    assert found is not None, part
    return int(found[1])
