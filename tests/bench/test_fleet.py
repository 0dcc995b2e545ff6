"""The fleet's case, tiny: that it measures what it says, not how fast that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import fleet
from tests.bench.bench import Bench, Sizes
from tests.bench.fleet_cases import fleet as fleet_case
from tests.bench.inputs import write_inputs

RECORDS = 1_500
SEED = 3


def test_both_sides_and_a_worker_alone_take_all_records(tmp_path: Path) -> None:
    write_inputs(tmp_path / "inputs", RECORDS, SEED)
    recording = str(tmp_path / "inputs" / "recording")
    routed = fleet.router(recording)
    assert routed["records"] == RECORDS
    assert 0 < routed["bytes"] < RECORDS * 900
    assert fleet.single(recording, tmp_path / "single")["records"] == RECORDS
    assert fleet.partitions(recording, tmp_path / "whole", 0, 1)["records"] == RECORDS
    halves = [fleet.partitions(recording, tmp_path / f"{n}", n, 2)["records"] for n in (0, 1)]
    assert sum(halves) == RECORDS
    assert min(halves) > RECORDS / 5


@pytest.mark.slow
def test_the_case_has_a_row_for_each_side_and_for_their_scaling(tmp_path: Path) -> None:
    sizes = Sizes(1, RECORDS, (0, 0), (), 0, 0, (), 0, (0, 0), 0, ())
    rows = fleet_case(Bench(tmp_path, sizes, SEED, None, None, lambda _: None))
    assert len(rows) == 6
    assert [row.target for row in rows if row.target] == ["× ≥ 1.9"]
    assert all(row.figure for row in rows)
