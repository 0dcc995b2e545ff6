"""What users are told to install is there to be installed: this repository, or what is pinned."""

from __future__ import annotations

import re
import tomllib

from tests.processes import ROOT

SAID = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "worker").rglob("*.py"),
    *(ROOT / "localstack").glob("*.sh"),
    ROOT / "Makefile",
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_nobody_is_told_to_install_the_project_by_a_name_that_nobody_has_registered() -> None:
    by_name = re.compile(rf"install [^\n]*{re.escape(PROJECT['name'])}|{PROJECT['name']}\[")
    told = [path for path in SAID if by_name.search(path.read_text(encoding="utf-8"))]
    assert told == []


def test_what_is_installed_is_pinned_or_the_checkout_itself() -> None:
    checkout = re.compile(r"""[ '"]\.(\[[\w-]+\])?(['" ]|$)""")
    lines = [
        line
        for path in SAID
        for line in re.findall(r"pip install [^\n`#]*", path.read_text(encoding="utf-8"))
    ]
    assert lines
    assert [
        one for one in lines if "--require-hashes" not in one and not checkout.search(one)
    ] == []


def test_every_extra_that_is_named_exists() -> None:
    named = {
        extra
        for path in SAID
        for extra in re.findall(r"install ['\"]\.\[([\w-]+)\]", path.read_text(encoding="utf-8"))
    }
    assert named == {"demo", "fleet", "fleet-java", "otlp", "pinecall", "twilio"}
    assert named <= set(PROJECT["optional-dependencies"])
