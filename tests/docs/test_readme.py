"""README and docs: short enough, true in what they name, and what contributors are promised."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from tests.processes import ROOT
from worker.cli.main import cli
from worker.metrics.catalogue import CATALOGUE

README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS: Final = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
each_doc = pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)


def prose(text: str) -> str:
    """A text without fenced blocks, tables, headings, pictures and the targets of links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("|", "#", "![")))
    return re.sub(r"\]\([^)]*\)", "]", text)


def anchors(doc: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", doc.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_read_aloud_in_three_minutes() -> None:
    assert len(README.splitlines()) < 150
    assert len(prose(README).split()) < 520


def test_the_readme_names_each_command() -> None:
    table = README.partition("| commands | |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([\w-]+)`", table)) == set(cli.list_commands(click.Context(cli)))


def test_the_readmes_metrics_are_those_of_the_catalogue() -> None:
    table = README.partition("\n## The metrics\n")[2].partition("\n## ")[0]
    named = [
        name for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) for name in row.split(", ")
    ]
    assert len(named) > 20
    assert set(named) - {"metric", "---"} - set(CATALOGUE) == set()


@each_doc
def test_every_link_leads_somewhere(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        linked = doc.parent / path if path else doc
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@each_doc
def test_every_path_of_the_tree_that_is_named_is_there(doc: Path) -> None:
    named = re.findall(
        r"`((?:worker|tests|infra|localstack|docs)/[\w./-]+)`", doc.read_text("utf-8")
    )
    assert {path for path in named if not (ROOT / path).exists() and "NAME" not in path} == set()


def test_before_a_commit_runs_what_make_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck: ")[2]
    lines = re.findall(r"^\t@\$\(PY\) (.+)$", recipe.partition("\n\n")[0], re.MULTILINE)
    assert [f".venv/bin/python {line}" for line in lines] == hooks != []


def test_the_workflow_runs_what_a_user_runs() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
    assert all(
        re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step
    )
