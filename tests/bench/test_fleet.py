"""The fleet's case, tiny: that it measures what it says, not how fast that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import cases, fleet
from tests.bench.fleet_cases import fleet as fleet_case
from tests.bench.inputs import write_inputs

RECORDS = 1_500
SEED = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    write_inputs(folder, RECORDS, SEED)
    return folder


def test_both_sides_and_a_worker_alone_take_all_records(folder: Path, tmp_path: Path) -> None:
    recording, states = str(folder / "recording"), [tmp_path / name for name in "abcd"]
    for one in states:
        one.mkdir()
    routed = fleet.router(recording)
    assert routed["records"] == RECORDS
    assert 0 < routed["bytes"] < RECORDS * 900
    assert fleet.single(recording, str(states[0]))["records"] == RECORDS
    assert fleet.partitions(recording, str(states[1]), 0, 1)["records"] == RECORDS
    halves = [fleet.partitions(recording, str(states[2 + n]), n, 2)["records"] for n in (0, 1)]
    assert sum(halves) == RECORDS
    assert min(halves) > RECORDS / 5


@pytest.mark.slow
def test_the_case_has_a_row_for_each_side_and_for_their_scaling(folder: Path) -> None:
    sizes = cases.Sizes(1, RECORDS, 0, (), 0, 0, 0, ())
    rows = fleet_case(cases.Bench(folder, sizes, SEED, None, lambda _: None))
    assert len(rows) == 6
    assert [row.target for row in rows if row.target] == ["× ≥ 1.9"]
    assert all(row.figure > 0 for row in rows)
