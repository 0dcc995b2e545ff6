"""Which calls to AWS the worker makes, read from its source; and which actions those need.

A call is anything named like a method of boto3's client for one of the services that the worker
makes clients of, in any module that the worker consists of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from typing import Final

import botocore.session
from botocore import xform_name

from tests.processes import ROOT

WORKER: Final = "worker.wiring"
_NOT_THE_WORKER: Final = ("worker.cli", "worker.testing")

_ACTIONS: Final = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
}
"""Where an action is not named like its call."""


def calls(entry: str = WORKER) -> dict[str, set[str]]:
    """By service, the calls of the modules that ``entry`` leads to."""
    trees = [_tree(name) for name in _reachable(entry)]
    services = {service for tree in trees for service in _clients(tree)}
    named = {name for tree in trees for name in _called(tree)}
    return {service: _methods(service).keys() & named for service in services}


def actions(made: dict[str, set[str]]) -> set[str]:
    """The actions that such calls need, but for keys."""
    return {
        _ACTIONS.get((service, operation), f"{service}:{operation}")
        for service, methods in made.items()
        for operation in (_methods(service)[method] for method in methods)
    }


def _reachable(entry: str) -> set[str]:
    found, waiting = set(), [entry]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += _imports(name)
    return found


def _imports(name: str) -> Iterator[str]:
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("worker"):
            for one in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                if not one.startswith(_NOT_THE_WORKER) and _is_module(one):
                    yield one


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@cache
def _tree(name: str) -> ast.Module:
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def _clients(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"client", "resource"}:
            service = node.args[0]
            assert isinstance(service, ast.Constant), ast.unparse(node)
            yield str(service.value)


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr


@cache
def _methods(service: str) -> dict[str, str]:
    """Of boto3's client: methods to the names of their calls."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}
