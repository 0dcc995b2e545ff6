"""What the benchmark's table and its JSON say of figures, and what they don't."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.report import (
    Measured,
    Report,
    Row,
    at_least,
    at_most,
    beside,
    cheaper,
    merged,
    read_json,
    table,
    write_json,
)


def report(*rows: Row, commit: str = "1234567") -> Report:
    measured = {row.case: Measured("today", commit, "a CPU", 3, 1.5) for row in rows}
    return Report({}, {}, {}, measured, list(rows), ["a peer, for it can't be run"])


def test_a_target_is_met_or_not_by_the_median_and_a_ratio_by_its_rounds() -> None:
    rows = [
        at_least("a", "fast", [90, 110, 130], "records/s", 100),
        at_most("b", "late", [3.0], "s", 2),
        beside("c", "a peer", [20, 40, 60], [10, 10, 60], "records/s", 3),
        cheaper("c", "a peer", 300, 270, "instructions", 1 / 0.9),
        Row("d", "no target", 1.0, "s"),
    ]
    assert [row.met for row in rows] == [True, False, False, False, None]
    assert [row.ratio for row in rows] == [None, None, 2, 0.9, None]
    text = table(report(*rows))
    assert "| a | fast | 110 records/s |  | ≥ 100 | yes |" in text
    assert "| c | a peer | 10 records/s | 2.00 × | × ≥ 3 | **no** |" in text
    assert "| c | a peer | 270 instructions | 0.90 × | × ≥ 1.11 | **no** |" in text
    assert "* `d`: today, commit 1234567, 3 rounds, a CPU, load 2" in text
    assert "Left out: a peer, for it can't be run" in text


def test_what_could_not_be_had_is_a_row_without_a_figure() -> None:
    assert "| w | not counted |  |  |  |  |" in table(report(Row("w", "not counted", None, "")))


def test_cases_that_were_not_measured_again_stay_with_their_commit(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert read_json(path) is None
    once = [Row("curve", "late", 2.0, "s"), Row("a", "old", 1.0, "s"), Row("b", "stays", 2.0, "s")]
    write_json(merged(report(*once, commit="0000001"), read_json(path)), path)
    again = report(Row("a", "new", 3.0, "s"), Row("a-work", "new", 4.0, ""), commit="0000002")
    found = merged(again, read_json(path))
    assert [row.case for row in found.rows] == ["a", "a-work", "b", "curve"]
    assert [row.what for row in found.rows] == ["new", "new", "stays", "late"]
    assert {case: one.commit for case, one in found.measured.items()} == {
        "a": "0000002",
        "a-work": "0000002",
        "b": "0000001",
        "curve": "0000001",
    }


def test_the_file_has_every_single_run(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write_json(report(at_most("c", "a commit", [3.0, 1.0, 2.0], "ms")), path)
    assert json.loads(path.read_text(encoding="utf-8"))["rows"][0]["runs"] == [3.0, 1.0, 2.0]
    found = read_json(path)
    assert found is not None
    assert found.rows[0].figure == 2.0
