"""All single faults that can be put into a module's source. Pure."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Final, NamedTuple


class Mutant(NamedTuple):
    """A source with one fault. ``path``: of the module, within the tree. ``before`` and ``after``:
    what was replaced, and by what.
    """

    path: str
    line: int
    kind: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        before, after = (" ".join(text.split())[:_SHOWN] for text in (self.before, self.after))
        return f"{self.path}:{self.line} {self.kind}: {before} -> {after}"


_SHOWN: Final = 80

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_BOUNDARIES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_NOT_LIVE: Final = ("Protocol", "TypedDict")
"""Bases of classes that only a type checker reads."""


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a module, from its top to its end. Annotations, type aliases, docstrings,
    messages of errors, protocols and imports are left as they are.
    """
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)
    found = []
    for node in _live(tree):
        for kind, place, new in _changes(node):
            before, mutated = _spliced(lines, place, ast.unparse(new))
            found.append(Mutant(path, place.lineno, kind, before, ast.unparse(new), mutated))
    return found


def _live(node: ast.AST) -> Iterator[ast.AST]:
    """What does something at run time."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and any(
            _named(base) in _NOT_LIVE for base in child.bases
        ):
            continue
        if _only_for_readers(node, child):
            continue
        yield child
        yield from _live(child)


def _only_for_readers(parent: ast.AST, node: ast.AST) -> bool:
    match parent:
        case ast.AnnAssign() if node is parent.annotation:
            return True
        case ast.arg():
            return True
        case ast.ClassDef() if node in parent.decorator_list or isinstance(node, ast.keyword):
            return True
        case ast.FunctionDef() if node is parent.returns:
            return True
        case ast.JoinedStr() | ast.Subscript(value=ast.Name(id="Literal")):
            return True
        case ast.Raise():
            return True
        case ast.Assign(value=ast.BinOp(op=ast.BitOr())) if node is parent.value:
            return True
    return (
        isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Call) and _named(node.func) in ("TypeVar", "cast"))
    )


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


_Change = tuple[str, ast.expr | ast.stmt, ast.AST]
"""Its kind, what is replaced, and by what."""


def _changes(node: ast.AST) -> Iterator[_Change]:
    """Each way to put one fault into a node itself, not into what is in it."""
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            other = copy.copy(node)
            other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "boolean", node, other
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            other_op = _ARITHMETIC[type(op)]()
            yield "arithmetic", node, ast.BinOp(node.left, other_op, node.right)
        case ast.UnaryOp(op=ast.Not()):
            yield "boolean", node, node.operand
        case ast.Constant():
            yield from _another_constant(node)
        case ast.If() | ast.While() | ast.IfExp():
            yield from _negated(node.test)
        case ast.comprehension():
            for condition in node.ifs:
                yield from _negated(condition)
        case ast.Return(value=ast.expr()) if not _is_none(node.value):
            yield "return", node, ast.Return(ast.Constant(None))
        case _ if _may_be_removed(node):
            assert isinstance(node, ast.stmt)
            yield "removed", node, ast.Pass()


def _may_be_removed(node: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.Delete():
            return True
    return False


def _negated(condition: ast.expr) -> Iterator[_Change]:
    """Not of what is negated as a comparison, or by taking its own ``not`` away."""
    match condition:
        case ast.Compare(ops=[_]) | ast.UnaryOp(op=ast.Not()):
            return
    yield "condition", condition, ast.UnaryOp(ast.Not(), condition)


def _compared(node: ast.Compare) -> Iterator[_Change]:
    for kind, others in (("comparison", _COMPARISONS), ("boundary", _BOUNDARIES)):
        for place, op in enumerate(node.ops):
            if type(op) in others:
                other = copy.copy(node)
                other.ops = [*node.ops[:place], others[type(op)](), *node.ops[place + 1 :]]
                yield kind, node, other


def _another_constant(node: ast.Constant) -> Iterator[_Change]:
    """Text with a blank in it is for people, or for SQLite, which refuses it at once."""
    match node.value:
        case bool(value):
            yield "constant", node, ast.Constant(not value)
        case int(value) | float(value):
            yield "constant", node, ast.Constant(value + 1)
        case str(value) if " " not in value:
            yield "constant", node, ast.Constant(f"{value}?")
        case bytes(value):
            yield "constant", node, ast.Constant(value + b"?")


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _spliced(lines: list[bytes], node: ast.expr | ast.stmt, text: str) -> tuple[str, str]:
    """What stands where ``node`` does, and the source with ``text`` there instead."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    whole = b"".join(lines)
    if isinstance(node, ast.expr):
        text = f"({text})"
    else:
        text = text.replace("\n", "\n" + " " * node.col_offset)
    return whole[start:end].decode(), (whole[:start] + text.encode() + whole[end:]).decode()
