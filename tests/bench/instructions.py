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
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

from tests.bench.processes import Program, measure

VALGRIND: Final = shutil.which("valgrind")
"""None where there is none: then nothing can be counted."""

LOOP: Final = "_PyEval_EvalFrameDefault"
"""The C function that carries out bytecode, without what it calls."""

_MARK: Final = "getrusage"
_TOTALS: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)


class Counted(NamedTuple):
    """The instructions ``before`` the first watch ran and in each of the ``stretches`` under a
    watch, the same by the library or program whose code they are of (its file's name; the
    interpreter's loop by itself is ``LOOP``), and the figures that the run tells.
    """

    before: int
    stretches: list[int]
    by_file: Counter[str]
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
            *(f"--dump-before={_MARK}", "--compress-strings=no", "--compress-pos=no"),
        )
        figures = measure(program, under)
        parts = [
            part.read_text(encoding="utf-8", errors="replace")
            for part in sorted(out.parent.glob("out.*"), key=_number)
        ]
    assert len(parts) % 2 == 0, f"{program}: a watch that was never stopped"
    watched = parts[1::2]
    by_file: Counter[str] = Counter()
    for text in watched:
        by_file.update(_by_file(text.splitlines()))
    return Counted(_total(parts[0]), [_total(text) for text in watched], by_file, figures)


def _number(part: Path) -> int:
    return int(part.suffix[1:])


def _total(text: str) -> int:
    found = _TOTALS.search(text)
    assert found is not None
    return int(found[1])


def _by_file(lines: Iterable[str]) -> Counter[str]:
    """The instructions of functions themselves; a line after ``calls=`` is of what they call."""
    found: Counter[str] = Counter()
    file = name = ""
    of_callee = False
    for line in lines:
        key, equals, text = line.partition("=")
        if equals:
            of_callee = key == "calls"
            if key == "ob":
                file = PurePath(text).name
            elif key == "fn":
                name = text
        elif line[:1].isdigit():
            if not of_callee:
                found[LOOP if name.startswith(LOOP) else file] += int(line.split()[1])
            of_callee = False
    return found
