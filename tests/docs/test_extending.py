"""The recipes of docs/extending.md, walked: their edits and no others, on a copy of the tree."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.processes import ROOT, environment
from tests.scenes import records
from worker.events.event import EVENT_CODES
from worker.monitoring.sizing import CALLS_A_DAY, sizing_table
from worker.recordings.writer import write_recording

pytestmark = pytest.mark.slow

RECIPES: Final = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
COPIED: Final = ("worker", "tests", "docs", "infra", "pyproject.toml", "README.md", "CHANGELOG.md")
CHECKS: Final = (
    *("tests/metrics", "tests/sessions/test_summary.py", "tests/partition/test_emission.py"),
    *("tests/events/test_event.py", "tests/reports/test_record_counts.py"),
    *("tests/testing/test_conversation.py", "tests/infra/test_runbook.py"),
    *("tests/monitoring/test_template.py", "tests/test_oracle.py", "tests/test_worked_examples.py"),
)
"""What holds metrics and events to definitions, oracle, simulator and docs."""
PRINT_TABLE: Final = (
    "from worker.monitoring.sizing import *; print(sizing_table(CALLS_A_DAY), end='')"
)


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", RECIPES, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def hunks(title: str) -> Iterator[tuple[str, str, list[str]]]:
    """The edits of a recipe: a file, the text to look for, and the lines of the edit."""
    for block in re.findall(r"^```diff\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL):
        path, where, lines = "", "", list[str]()
        for line in [*block.splitlines(), "@@ "]:
            if line.startswith(("--- ", "@@ ")) and lines:
                yield path, where, lines
                lines = []
            if line.startswith("--- "):
                path = line[4:]
            elif line.startswith("@@ "):
                where = line[3:]
            else:
                lines.append(line)


def is_meant(line: str, wanted: str) -> bool:
    return line.startswith(wanted[:-1]) if wanted.endswith("…") else line == wanted


def edit(text: str, where: str, change: list[str]) -> str:
    """A text with the new lines of an edit, where its other lines stand."""
    lines = text.splitlines()
    old = [line[1:] for line in change if line.startswith(" ")]
    start = next((n for n, line in enumerate(lines) if where in line), len(lines))
    places = range(start, len(lines) - len(old) + 1)
    at = next((n for n in places if all(map(is_meant, lines[n : n + len(old)], old))), None)
    assert at is not None, f"nowhere after {where!r}: {old}"
    present = iter(lines[at : at + len(old)])
    new = [
        line[1:].replace("NEXT", str(len(EVENT_CODES))) if line.startswith("+") else next(present)
        for line in change
    ]
    return "\n".join([*lines[:at], *new, *lines[at + len(old) :], ""])


def in_copy(copy: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=copy,
        env=environment({"PYTHONPATH": str(copy)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


def extended(copy: Path, title: str) -> Path:
    """A copy of the tree, changed as a recipe says."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    for path, where, change in hunks(title):
        text = (copy / path).read_text(encoding="utf-8")
        (copy / path).write_text(edit(text, where, change), encoding="utf-8")
    runbook = copy / "docs" / "runbook.md"
    text = runbook.read_text(encoding="utf-8")
    assert sizing_table(CALLS_A_DAY) in text
    renewed = text.replace(sizing_table(CALLS_A_DAY), in_copy(copy, "-c", PRINT_TABLE))
    runbook.write_text(renewed, encoding="utf-8")
    return copy


def replayed(copy: Path, *scene: tuple[Any, ...]) -> tuple[dict[str, float], dict[str, Any]]:
    """What the worker of a copy makes of one session: each metric's sum, and the record."""
    write_recording(copy / "calls", records([*scene]))
    out = ("--metrics", "metrics.jsonl", "--sessions", "sessions.jsonl")
    in_copy(copy, "-m", "worker", "replay", "calls", *out)
    sums: dict[str, float] = {}
    for line in (copy / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        datum = json.loads(line)
        if not datum.get("Dimensions"):
            of = sum(v * n for v, n in zip(datum["Values"], datum["Counts"], strict=True))
            sums[datum["MetricName"]] = sums.get(datum["MetricName"], 0) + of
    (record,) = (copy / "sessions.jsonl").read_text(encoding="utf-8").splitlines()
    return sums, json.loads(record)


def checked(copy: Path) -> None:
    in_copy(copy, "-m", "pytest", "-q", "-n", 0, "-m", "not slow", *CHECKS)
    in_copy(copy, "-m", "ruff", "check", "--no-cache", "worker", "tests")
    in_copy(copy, "-m", "worker", "infra", "render", "--check")


def test_a_metric_is_a_catalogue_entry_a_rule_and_its_definitions(tmp_path: Path) -> None:
    copy = extended(tmp_path, "A metric")
    scene = [(n, "final_token_received", {"total_tokens": 5}) for n in range(3)]
    sums, _ = replayed(copy, *scene, (9, "call_wrap_up", {"end_status": "ended"}))
    assert sums["RepliesPerSession"] == 3
    checked(copy)


def test_an_event_name_is_a_code_a_rule_and_its_definitions(tmp_path: Path) -> None:
    copy = extended(tmp_path, "An event name")
    sums, record = replayed(copy, (0, "supervisor_joined"), (9, "supervisor_joined"), (20, "new"))
    assert sums["Joins"] == 2
    assert record["unknown_events"] == {"new": 1}
    checked(copy)


def test_without_a_line_of_the_recipe_the_checks_fail(tmp_path: Path) -> None:
    copy = extended(tmp_path, "A metric")
    oracle = copy / "tests" / "oracle" / "session.py"
    text = oracle.read_text(encoding="utf-8")
    oracle.write_text(re.sub(r"^.*RepliesPerSession.*\n", "", text, flags=re.MULTILINE))
    with pytest.raises(AssertionError, match="test_oracle"):
        checked(copy)


@pytest.mark.parametrize("title", ["A platform", "A destination", "An engine"])
def test_the_other_recipes_name_the_test_that_walks_them(title: str) -> None:
    (named,) = re.findall(r"`(tests/\w+/test_\w+\.py)`\s+adds\s+a\s+toy", section(title))
    assert "from outside" in (ROOT / named).read_text(encoding="utf-8").partition('"""\n')[0]
