"""One word, one meaning: what the program's public names are."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SHARED: Final = {
    # a command's function has the word that the user types, under its group
    "show": {"worker.cli.dead_letters", "worker.cli.state"},
    "status": {"worker.cli.status", "worker.cli.twilio_sink", "worker.cli.fleet_status"},
    "run": {"worker.cli.run", "worker.cli.fleet"},
    # both kinds of state answer the same questions
    "find_sessions": {"worker.state.s3.view", "worker.state.sqlite.view"},
    "notes_since": {"worker.state.s3.ledger", "worker.state.sqlite.view"},
    "waiting_notes": {"worker.state.s3.view", "worker.state.sqlite.view"},
}
"""Names that stand in several modules, and why they may."""


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_a_public_name_is_defined_in_one_module_only() -> None:
    modules = defaultdict(set)
    for path in (ROOT / "worker").rglob("*.py"):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name in _defined(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_"):
                modules[name].add(dotted)
    assert len(modules) > 1000
    assert {name: where for name, where in modules.items() if len(where) > 1} == SHARED
