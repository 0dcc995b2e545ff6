"""What callgrind counts is what ran under a watch; that takes no callgrind here."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.instructions import LOOP, counted
from tests.bench.peers.measured import Stopwatch
from tests.bench.processes import program
from tests.counting import calls_by_name

IN_PLACE_OF_CALLGRIND = """\
import subprocess, sys
(out,) = (word.partition("=")[2] for word in sys.argv if word.startswith("--callgrind-out-file="))
for part, instructions in enumerate((7000, 900, 80, 100, 5), 1):
    name = f"{out}.{part}" if part < 5 else out
    with open(name, "w") as file:
        file.write(f"part: {part}\\n\\ntotals: {instructions}\\n\\n")
        file.write("ob=/bin/python\\nfn=_PyEval_EvalFrameDefault'2\\n7 10\\n")
        file.write("cfn=f\\ncalls=1 0\\n7 4000\\n9 2\\nfn=f\\n0 30\\n")
command = [word for word in sys.argv[1:] if not word.startswith("--")]
sys.exit(subprocess.run(command).returncode)
"""


def test_the_stretches_under_a_watch_are_counted_and_what_is_between_is_not(tmp_path: Path) -> None:
    script = tmp_path / "callgrind"
    script.write_text(f"#!{sys.executable}\n{IN_PLACE_OF_CALLGRIND}", encoding="utf-8")
    script.chmod(0o755)
    found = counted(program("runs", "checksums", 100, 1, "small"), str(script))
    assert (found.before, found.stretches) == (7000, [900, 100])
    assert found.a_record == 10
    assert found.by_file == {LOOP: 24, "python": 60}


def test_a_watch_asks_for_the_childrens_resources_when_it_starts_and_when_it_stops() -> None:
    def work() -> None:
        with Stopwatch().running():
            pass

    assert calls_by_name(work)["getrusage"] == 2
