"""The faults themselves: each is one, in live code, and what else stands in the module stays."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.__main__ import drawn, files_of_the_tree
from tests.mutants.mutations import mutants
from tests.mutants.selection import CUT_ACROSS, nearest_tests
from tests.processes import ROOT


def faults(source: str) -> set[tuple[str, str]]:
    """Of which kind each is, and the line with it."""
    found = set()
    for one in mutants("m.py", source):
        changed = one.source.splitlines()
        found.add((one.kind, changed[one.line - 1].strip()))
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {("removed", "pass"), ("comparison", "(a >= b)"), ("boundary", "(a <= b)")}),
        ("x = a and b", {("boolean", "x = (a or b)")}),
        ("x = not a", {("boolean", "x = (a)")}),
        ("x = a - b", {("arithmetic", "x = (a + b)")}),
        ("x = 7", {("constant", "x = (8)")}),
        ("x = True", {("constant", "x = (False)")}),
        ("x = 'name'", {("constant", "x = ('name?')")}),
        ("if a: b = c", {("condition", "if (not a): b = c")}),
        ("if a in b: c = d", {("comparison", "if (a not in b): c = d")}),
        ("x = [a for a in b if c]", {("condition", "x = [a for a in b if (not c)]")}),
        ("a.b = c", {("removed", "pass")}),
        ("a += b", {("removed", "pass")}),
    ],
)
def test_every_kind_of_fault_is_made(source: str, expected: set[tuple[str, str]]) -> None:
    assert faults(source) == expected


def test_what_a_function_gives_may_be_missing() -> None:
    assert faults("def f():\n    return a") == {("return", "return None")}


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "from a import b",
        "x: int | None",
        "def f(a: 'text') -> Literal['b']: ...",
        "Alias = int | str",
        "Kind = Literal['a', 'b']",
        "x = 'words for people'",
        "class P(Protocol):\n    x: int = 1",
        "@dataclass(frozen=True)\nclass D(Struct, array_like=True): ...",
    ],
)
def test_what_has_no_effect_at_run_time_is_left_alone(source: str) -> None:
    assert {fault for fault in faults(source) if fault != ("removed", "pass")} == set()


def test_a_message_of_an_error_is_left_alone_but_not_the_error() -> None:
    assert faults("raise ValueError(f'{a} is no {1}')") == {("removed", "pass")}


def test_each_fault_of_a_module_compiles_and_changes_it() -> None:
    path = "worker/sessions/turn_rules.py"
    source = (ROOT / path).read_text(encoding="utf-8")
    made = mutants(path, source)
    assert len(made) > 100
    whole = ast.dump(ast.parse(source))
    assert all(ast.dump(ast.parse(one.source)) != whole for one in made)
    assert len({one.source for one in made}) == len(made)


def test_a_seed_draws_the_same_faults_again_and_another_others() -> None:
    files = files_of_the_tree()
    one, again, other = (list(map(str, drawn(files, (), 20, seed))) for seed in (1, 1, 2))
    assert one == again != other
    assert drawn(files, ("worker/backoff.py",), 1, 1) == mutants(
        "worker/backoff.py", (ROOT / "worker/backoff.py").read_text(encoding="utf-8")
    )


def test_the_nearest_tests_come_first() -> None:
    tests = {
        "tests/outbox/test_sender.py": "from worker.outbox.lane import Lane",
        "tests/outbox/test_ledger.py": "",
        "tests/outbox/test_lane.py": "",
        "tests/outbox/test_lane_of_others.py": "",
        "tests/state/test_lane.py": "",
        CUT_ACROSS[0]: "",
    }
    own = [
        "tests/outbox/test_lane.py",
        "tests/outbox/test_lane_of_others.py",
        "tests/outbox/test_sender.py",
    ]
    near = nearest_tests("worker/outbox/lane.py", tests)
    assert near == (own, [*own, "tests/outbox/test_ledger.py", CUT_ACROSS[0]])


def test_the_room_is_asked_from_within() -> None:
    tests = dict.fromkeys(
        ("tests/state/s3/test_view.py", "tests/state/test_size.py", "tests/state/s3/test_store.py"),
        "",
    )
    assert nearest_tests("worker/state/s3/store.py", tests) == (
        ["tests/state/s3/test_store.py"],
        ["tests/state/s3/test_store.py", "tests/state/s3/test_view.py", "tests/state/test_size.py"],
    )


def test_all_that_cuts_across_is_there() -> None:
    assert [name for name in CUT_ACROSS if not Path(ROOT, name).is_file()] == []


def test_a_module_that_is_a_room_by_itself_has_the_test_that_mirrors_it() -> None:
    tests = {"tests/test_backoff.py": "", "tests/test_house.py": ""}
    own = ["tests/test_backoff.py"]
    assert nearest_tests("worker/backoff.py", tests) == (own, own)
