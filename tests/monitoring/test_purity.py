"""The watch is made from values: only what asks CloudWatch for a baseline knows a client."""

from __future__ import annotations

import ast
from pathlib import Path

import worker.monitoring

ASKS = {"history.py"}
PURE = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "json",
    "math",
    "re",
    "typing",
}


def test_only_the_history_asks_anyone() -> None:
    (folder,) = worker.monitoring.__path__
    for path in Path(folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = str(node.module)
                if path.name not in ASKS:
                    assert module != "worker.monitoring.history"
                assert module.partition(".")[0] in PURE | {"worker"}, f"{path.name}: {module}"
            if isinstance(node, ast.Import):
                assert {one.name for one in node.names} <= PURE, path.name
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"now", "today", "utcnow"}, path.name
