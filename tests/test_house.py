"""The laws that the tree itself keeps, read from the files that git tracks."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import click
import pytest
from click.testing import CliRunner

from worker.cli.main import cli
from worker.events.twilio.payloads import FIELDS

ROOT: Final = Path(__file__).parent.parent

TOP_LEVEL: Final = {
    *("worker", "infra", "tests", "localstack", "docs", ".ci"),
    *("Makefile", "pyproject.toml", "requirements.lock"),
    *("README.md", "CHANGELOG.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md"),
    *(".gitignore", ".gitattributes", ".editorconfig", ".dockerignore", ".github"),
    ".pre-commit-config.yaml",
}
JUDGING: Final = (
    *("access", "facts", "findings", "fleet", "judging", "pinecall", "sampling", "stream"),
    *("traffic", "twilio"),
)
"""The modules of ``worker.doctor`` that judge what the others find out."""

TWILIO_PURE: Final = ("comparison", "merging", "report_rows", "retrying", "sink_setup", "summaries")
"""The modules of ``worker.twilio`` that neither ask Twilio nor keep files."""

PINECALL_PURE: Final = ("mapping", "checkpoint", "answers", "records", "pacing", "api")
"""The modules of ``worker.pinecall`` that neither ask Pinecall nor keep anything."""

PAGE: Final = (
    *("bins", "data", "fleet", "live_fleet", "occurrences", "redaction", "report", "samples"),
    *("selection", "statistics", "summary", "verdict"),
)
"""The modules of ``worker.page`` that make it of records; the others know the worker, too."""

FLEET_PURE: Final = (
    *("layout", "keys", "bundles", "chunks", "routing", "receipt", "processor", "moving"),
)
"""The modules of ``worker.fleet`` that decide what goes where and what is new."""

CORE: Final = (
    *("worker.backoff", "worker.printable", "worker.identifying"),
    *("worker.times", "worker.stream"),
    *("worker.events", "worker.sessions", "worker.metrics", "worker.partition"),
    *("worker.replay", "worker.recordings.damaged_line", "worker.service.shards"),
    *(f"worker.outbox.{name}" for name in ("entries", "ledger", "destination")),
    *("worker.destinations.lines", "worker.destinations.cloudwatch.datums"),
    *("worker.destinations.cloudwatch.requests", "worker.sources.batch"),
    *(f"worker.page.{name}" for name in PAGE),
    *(f"worker.fleet.{name}" for name in FLEET_PURE),
    *(f"worker.doctor.{name}" for name in JUDGING),
    *(f"worker.twilio.{name}" for name in TWILIO_PURE),
    *(f"worker.pinecall.{name}" for name in PINECALL_PURE),
)
CORE_MAY_IMPORT: Final = (*CORE, "worker.errors")
LAYERS: Final = (
    *("errors", "backoff", "printable", "identifying", "private_files", "thread_pool"),
    *("times", "logs"),
    *("stream", "metrics", "recordings", "aws"),
    *("objectstore", "events", "sessions", "partition", "sources", "producer", "twilio"),
    "pinecall",
    *("outbox", "destinations", "replay", "reports", "state", "service"),
    *(
        *("telemetry", "page"),
        *("monitoring", "settings"),
        "testing",
        "opening",
        "otlp",
        "wiring",
        "fleet",
        "doctor",
        "cli",
        "__main__",
    ),
)
"""The rooms of ``worker``, each of which imports only rooms that stand before it."""
PLATFORM_FREE: Final = ("worker.sessions", "worker.partition", "worker.metrics")
TWILIO: Final = ("worker.events.twilio",)
EFFECTS: Final = {
    *("time", "random", "secrets", "uuid", "os", "io", "pathlib", "shutil", "tempfile", "sqlite3"),
    *("socket", "select", "ssl", "http", "urllib", "requests", "boto3", "botocore"),
    *("threading", "multiprocessing", "asyncio", "concurrent", "subprocess", "signal", "queue"),
    *("logging", "structlog", "warnings", "click", "rich", "importlib", "gc"),
}
"""Modules by which a clock, I/O, threads, randomness or the log are reached."""
CLOCKS: Final = {
    f"{kind}.{call}"
    for kind in ("datetime", "date", "datetime.datetime", "datetime.date")
    for call in ("now", "utcnow", "today")
}
STREAMS: Final = {"sys.stdin", "sys.stdout", "sys.stderr"}
PURE_LIBRARIES: Final = {"aws_kinesis_agg", "google", "msgspec", "opentelemetry", "zstandard"}
"""All that pure modules import from outside the standard library; ``google`` is protobuf."""
LINES_AT_MOST: Final = {"worker": 300, "tests": 400, "localstack": 300}

# each in two pieces, so that this file names none of them
REGISTRIES: Final = re.compile(
    "|".join(
        re.escape(f"{head}{tail}")
        for head, tail in (
            *(("py", "pi.org"), ("python", "hosted"), ("npm", "js.org"), ("npm", "js.com")),
            *(("yarn", "pkg"), ("deb.de", "bian"), ("archive.ubu", "ntu"), ("crates", ".io")),
            *(("maven", ".org"), ("ghcr", ".io"), ("--index", "-url"), ("--extra", "-index")),
            *(("--find", "-links"), ("--trusted", "-host")),
        )
    )
)


@cache
def _tracked() -> tuple[str, ...]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())


@cache
def _modules() -> dict[str, ast.Module]:
    """Every module of the program and its tests, by dotted name."""
    found = {}
    for name in _tracked():
        path = Path(name)
        if path.suffix == ".py" and path.parts[0] in {"worker", "tests"}:
            dotted = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            found[dotted] = ast.parse((ROOT / path).read_text(encoding="utf-8"), name)
    assert "worker" in found
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that are imported anywhere in a module; relative imports are not ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    modules = _modules()
    graph: dict[str, set[str]] = {}
    for name, tree in modules.items():
        wanted = {
            other if other in modules else other.rpartition(".")[0] for other in _imported(tree)
        }
        graph[name] = {other for other in wanted if other in modules and other != name}
    return graph


def _within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def _core() -> dict[str, ast.Module]:
    found = {name: tree for name, tree in _modules().items() if _within(name, CORE)}
    assert {room for room in CORE if _within(room, tuple(found))} == set(CORE)
    return found


def test_the_core_imports_the_core_only() -> None:
    outward = [
        f"{name} imports {other}"
        for name, tree in _core().items()
        for other in _imported(tree)
        if _within(other, ("worker",)) and not _within(other, CORE_MAY_IMPORT)
    ]
    assert outward == []


@cache
def _effects(name: str) -> tuple[str, ...]:
    """What a module of ours does, or may do, beyond computing."""
    found = []
    tree = _modules()[name]
    for other in _imported(tree):
        top = other.partition(".")[0]
        known = top in PURE_LIBRARIES or top in sys.stdlib_module_names or top == "worker"
        if top in EFFECTS or not known:
            found.append(f"imports {other}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in CLOCKS | STREAMS:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Name) and node.id in {"open", "print", "input", "__import__"}:
            found.append(f"line {node.lineno}: {node.id}")
    return tuple(found)


def _lineage(name: str) -> list[str]:
    """A module and the packages around it."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _pure() -> list[str]:
    """The core, and every module whose docstring, or whose package's, calls it pure."""
    modules = _modules()
    return [
        name
        for name in modules
        if _within(name, ("worker",))
        if _within(name, CORE)
        or any(
            re.search(r"\bPure\b", ast.get_docstring(modules[one]) or "") for one in _lineage(name)
        )
    ]


def _reached(name: str) -> dict[str, str]:
    """All modules that importing one brings along, each with the way to it."""
    graph = _graph()
    reached = {name: name}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        for other in {*graph[one], *_lineage(one)} - reached.keys():
            reached[other] = f"{reached[one]} > {other}"
            waiting.append(other)
    return reached


def test_what_is_pure_reaches_no_effect() -> None:
    found = [
        f"{way}: {effect}"
        for name in _pure()
        for other, way in _reached(name).items()
        for effect in _effects(other)
    ]
    assert found == []


def test_nothing_but_the_commands_imports_the_commands() -> None:
    outward = [
        f"{name} imports {other}"
        for name, tree in _modules().items()
        if _within(name, ("worker",)) and not _within(name, ("worker.cli", "worker.__main__"))
        for other in _imported(tree)
        if _within(other, ("worker.cli",))
    ]
    assert outward == []


def test_what_serves_tests_and_demos_is_not_in_the_workers_way() -> None:
    outward = [
        f"{name} imports {other}"
        for name, tree in _modules().items()
        if _within(name, ("worker",)) and not _within(name, ("worker.cli", "worker.testing"))
        for other in _imported(tree)
        if _within(other, ("worker.testing",))
    ]
    assert outward == []


def _room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def test_no_room_imports_a_room_above_it() -> None:
    modules = _modules()
    rooms = {_room(name) for name in modules if name.startswith("worker.")}
    assert rooms == set(LAYERS)
    upward = [
        f"{name} imports {other}"
        for name, tree in modules.items()
        if name.startswith("worker.")
        for other in _imported(tree)
        if other.startswith("worker.") and _room(other) in LAYERS
        if LAYERS.index(_room(other)) > LAYERS.index(_room(name))
    ]
    assert upward == []


def test_what_is_made_of_events_knows_no_platform() -> None:
    """Nor any of Twilio's field names: it sees canonical events only."""
    names = {name for names in FIELDS.values() for name in names}
    assert len(names) > 20
    known = []
    for name, tree in _modules().items():
        if not _within(name, PLATFORM_FREE):
            continue
        known += [f"{name} imports {other}" for other in _imported(tree) if _within(other, TWILIO)]
        known += [
            f"{name}:{node.lineno} {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in names
        ]
    assert known == []


def test_only_one_module_asks_whether_a_location_is_in_a_bucket() -> None:
    asking = {
        name
        for name, tree in _modules().items()
        if name.startswith("worker.") and any(one.endswith(".is_s3") for one in _imported(tree))
    }
    assert asking == {"worker.opening"}


def test_the_design_describes_every_room_in_the_order_of_the_layers() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \| .+ \| (core|shell) \|$", design, re.MULTILINE)
    assert [room for room, _ in rows] == [room for room in LAYERS if room != "__main__"]
    assert {room for room, kind in rows if kind == "core"} == {
        _room(name) for name in CORE_MAY_IMPORT if name.count(".") == 1
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(_graph()).prepare()


def test_no_module_is_longer_than_it_may_be() -> None:
    lines = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in _tracked()
        if name.endswith(".py")
    }
    assert {name for name in lines if lines[name] > LINES_AT_MOST[name.split("/")[0]]} == set()


def test_no_test_patches_what_it_tests() -> None:
    patching = [
        f"{name}:{getattr(node, 'lineno', 0)}"
        for name, tree in _modules().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.arg) and node.arg in {"monkeypatch", "mocker"})
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest.mock"))
        or (isinstance(node, ast.Import) and any(a.name == "unittest.mock" for a in node.names))
    ]
    assert patching == []


def test_the_top_level_holds_what_belongs_there() -> None:
    assert {Path(name).parts[0] for name in _tracked()} - TOP_LEVEL == set()


def test_no_file_says_where_packages_come_from() -> None:
    named = [
        f"{name}: {found.group()}"
        for name in _tracked()
        if (found := REGISTRIES.search((ROOT / name).read_bytes().decode(errors="replace")))
    ]
    assert named == []


@pytest.mark.parametrize("name", ["requirements.lock", "tests/bench/peers/requirements.lock"])
def test_every_package_is_pinned_with_its_hashes(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\S)", lock.strip())
    assert len(pins) > 10
    for pin in pins:
        assert re.match(r"[a-z0-9-]+==\S+ .*\\\n\s+--hash=sha256:[0-9a-f]{64}", pin), pin[:80]


def test_what_ci_runs_is_what_a_user_is_told_to_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "\nmake test" in script.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_subcommand_explains_itself(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--help"], catch_exceptions=False)
    assert done.exit_code == 0
    assert f" {name} " in done.stdout.splitlines()[0]
