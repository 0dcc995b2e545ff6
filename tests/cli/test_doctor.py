"""How the doctor's findings look."""

from __future__ import annotations

import click
from hypothesis import given
from hypothesis import strategies as st

from worker.cli.doctor import lines
from worker.doctor.findings import fail, ok

FINDINGS = [
    ok("clock", "0.3 s ahead of AWS's"),
    fail("retention", "24 h, against an outage of 24 h to survive", "raise it, or ask for less"),
]


def test_a_finding_is_one_line_and_one_of_advice_where_nobody_folds() -> None:
    assert [click.unstyle(line) for line in lines(FINDINGS, None)] == [
        "ok         clock: 0.3 s ahead of AWS's",
        "fail       retention: 24 h, against an outage of 24 h to survive",
        "           -> raise it, or ask for less",
    ]


@given(st.integers(30, 120))
def test_on_a_terminal_all_words_stay_in_their_column(columns: int) -> None:
    told = click.unstyle("\n".join(lines(FINDINGS, columns))).splitlines()
    assert all(len(line) <= columns for line in told)
    assert all(line[9:11] == "  " for line in told)
    unfolded = click.unstyle(" ".join(lines(FINDINGS, None))).split()
    assert " ".join(told).split() == unfolded
