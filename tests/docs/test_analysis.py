"""Every DuckDB statement of docs/analysis.md, run over records as a bucket has them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from msgspec.structs import replace

from tests.page.calls import records
from tests.processes import ROOT
from worker.page.samples import samples_of
from worker.page.statistics import percentile
from worker.sessions.record import encode_record
from worker.sessions.schema import SessionRecord

DOC = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
STATEMENTS = dict(re.findall(r"<!-- (\w+) -->\n```sql\n(.*?)```", DOC, re.DOTALL))
PLACE = "s3://my-bucket/voice"


def written(folder: Path, name: str, some: list[SessionRecord]) -> None:
    by_hour: dict[str, list[SessionRecord]] = {}
    for one in some:
        by_hour.setdefault(f"dt={one.ended_at[:10]}/hour={one.ended_at[11:13]}", []).append(one)
    for hour, these in by_hour.items():
        path = folder / "sessions" / hour / f"{name}.jsonl.zst"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = b"".join(encode_record(one) + b"\n" for one in these)
        path.write_bytes(zstandard.compress(lines))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder = tmp_path_factory.mktemp("bucket")
    written(folder, "a", records())
    written(folder, "b", [replace(one, revision=0, abandoned_waits=99) for one in records()[:20]])
    connection = duckdb.connect()
    connection.execute(STATEMENTS["sessions"].replace(PLACE, str(folder)))
    return connection


def rows(database: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = database.execute(STATEMENTS[name]).fetchall()
    return found


def test_all_statements_are_tried() -> None:
    duck, _, athena = DOC.partition("## Athena")
    assert duck.count("```sql") == len(STATEMENTS) == 7
    assert "Untried" in athena


def test_of_each_session_the_last_revision_is_taken(database: duckdb.DuckDBPyConnection) -> None:
    (found,) = database.execute("SELECT count(*), sum(abandoned_waits) FROM sessions").fetchall()
    assert found == (60, sum(one.abandoned_waits for one in records()))


def test_waits_by_language_are_those_of_the_turn_rows(
    database: duckdb.DuckDBPyConnection,
) -> None:
    by: dict[str, list[int]] = {}
    for one in records():
        for row in one.turn_rows:
            if row.caller_wait_ms is not None:
                by.setdefault(row.language, []).append(row.caller_wait_ms)
    expected = {
        language: (len(waits), percentile(sorted(waits), 50), percentile(sorted(waits), 95))
        for language, waits in by.items()
    }
    assert {row[0]: row[1:] for row in rows(database, "waits")} == expected


def test_calls_whose_callers_gave_up(database: duckdb.DuckDBPyConnection) -> None:
    found = rows(database, "abandoned")
    expected = {
        one.session_id
        for one in records()
        if any(row.outcome == "abandoned" for row in one.turn_rows)
    }
    assert {row[0] for row in found} == expected
    waited = [row[4] for row in found]
    assert waited == sorted(waited, reverse=True)
    assert waited[0] > 0


def test_hours_providers_and_errors_have_their_counts(
    database: duckdb.DuckDBPyConnection,
) -> None:
    assert len(rows(database, "hours")) >= 1
    assert sum(row[2] for row in rows(database, "providers")) == sum(
        one.turns > 0 for one in records()
    )
    expected = Counter(str(error.code) for one in records() for error in one.errors)
    assert {row[0]: row[1] for row in rows(database, "errors")} == expected


def test_waits_of_the_timeline_are_all_of_them(database: duckdb.DuckDBPyConnection) -> None:
    waits = sorted(
        sample.value
        for one in records()
        for sample in samples_of(one)
        if sample.metric == "CallerWait"
    )
    (found,) = rows(database, "timeline")
    assert found == (len(waits), percentile(waits, 50), percentile(waits, 95))
