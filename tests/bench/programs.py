"""Which programs stand beside one another: the worker's, another checkout's, the peers'."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bench.bench import Bench, Runs, fixed
from tests.bench.processes import Program, program

REPLAYS: Final = {
    "before": "replay by {before}",
    "oracle": "a plain-Python job of the same definitions (the tests' oracle), no encoding",
    "sql": "DuckDB: the part that SQL can do, encoding too",
    "append_json": "json.loads, append to lists",
    "append_validated": "pydantic, append to lists",
}
"""What is held against an offline replay of records in memory."""

LIVES: Final = {
    "before": "live by {before}",
    "loop": "the loop: boto3's parse, json.loads, lists",
    "async_consumer": "async-kinesis, json.loads, lists",
    "kcl": "kcl-rs, json.loads, lists",
    "powertools": "aws-lambda-powertools' parser (no fetching), lists",
}
"""What is held against a live run."""

AGGREGATES: Final = {"events": "events", "small": "records of 100 bytes"}
"""Sizes of user records in KPL aggregates."""


def replays(bench: Bench, inputs: Path) -> Runs:
    """(a) Records in memory to encoded requests."""
    recording = inputs / "recording"
    runs = {
        name: fixed(program("runs", name, recording))
        for name in ("replay", "oracle", "append_json", "append_validated", "replay_as_live")
    }
    if bench.before is not None:
        runs["before"] = fixed(bench.of_before("replay", recording))
    if bench.peers is not None:
        runs["sql"] = fixed(Program("peers.sql", (recording, "memory"), bench.peers))
    return runs


def from_files(bench: Bench, inputs: Path) -> Runs:
    """(a) The same with reading the recording's files."""
    recording = inputs / "recording"
    runs = {"replay_files": fixed(program("runs", "replay_files", recording))}
    if bench.peers is not None:
        runs["sql_files"] = fixed(Program("peers.sql", (recording, "files"), bench.peers))
    return runs


def lives(bench: Bench, endpoint: str, inputs: Path, records: int, state: Path) -> Runs:
    """(b) GetRecords answers over HTTP to encoded requests, committed to SQLite; everyone on one
    core.
    """
    own = {
        "live": program("runs", "live", endpoint, state, records),
        "fetch": program("runs", "fetch", endpoint, records),
        "loop": program("peers.loop", endpoint, "bench", records),
    }
    runs = {name: fixed(one._replace(on_one_core=True)) for name, one in own.items()}
    if bench.before is not None:
        where = ("here",) if _took_where(bench.before) else ()
        before = bench.of_before("live", endpoint, state.with_stem("before"), records, *where)
        runs["before"] = fixed(before._replace(on_one_core=True))
    if bench.peers is not None:
        for name in ("async_consumer", "kcl"):
            arguments = (endpoint, "bench", records)
            runs[name] = fixed(Program(f"peers.{name}", arguments, bench.peers, on_one_core=True))
        parsed = (inputs / "lambda", records)
        runs["powertools"] = fixed(
            Program("peers.powertools", parsed, bench.peers, on_one_core=True)
        )
    return runs


def opened(bench: Bench, records: int, size: str) -> Runs:
    """(f) KPL aggregates of 50 records."""
    return {
        name: fixed(program("runs", name, records, bench.seed, size))
        for name in ("ours", "library", "checksums")
    }


def _took_where(checkout: Path) -> bool:
    """Whether its live run has to be told where to read: once it could in a process of its own."""
    runs = (checkout / "tests" / "bench" / "runs.py").read_text(encoding="utf-8")
    return '("live", endpoint, state, records, where)' in runs
