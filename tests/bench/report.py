"""What the benchmark found: rows of figures, as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure. ``ratio``: of ours to this one, where it is a peer's; above 1, ours is better.
    ``target``: what was aimed at, and ``met``: whether it was; both None without a target.
    """

    case: str
    what: str
    figure: float
    unit: str
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None
    runs: tuple[float, ...] = ()


class Report(NamedTuple):
    """A whole run: when, on what, with which versions, of what size."""

    date: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    peer_versions: Mapping[str, str]
    sizes: Mapping[str, Any]
    rows: list[Row]
    left_out: list[str]


def speeds(figures: Iterable[Mapping[str, Any]]) -> list[float]:
    """Records per CPU second of each run."""
    return [one["records"] / one["cpu_s"] for one in figures]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: what slows the machine down slows both of a round.

    ``theirs`` may have fewer rounds, the first ones.
    """
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=False))


def at_least(
    case: str, what: str, runs: Sequence[float], unit: str, least: float | None = None
) -> Row:
    """A figure of which more is better."""
    figure = statistics.median(runs)
    if least is None:
        return Row(case, what, figure, unit, runs=tuple(runs))
    return Row(case, what, figure, unit, None, f"≥ {least:,.10g}", figure >= least, tuple(runs))


def at_most(
    case: str, what: str, runs: Sequence[float], unit: str, most: float | None = None
) -> Row:
    """A figure of which less is better."""
    figure = statistics.median(runs)
    if most is None:
        return Row(case, what, figure, unit, runs=tuple(runs))
    return Row(case, what, figure, unit, None, f"≤ {most:,.10g}", figure <= most, tuple(runs))


def beside(
    case: str,
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: str,
    least: float | None = None,
) -> Row:
    """A peer's figure, and how many times better ours is."""
    times = ratio(ours, theirs)
    figure = statistics.median(theirs)
    if least is None:
        return Row(case, what, figure, unit, times, runs=tuple(theirs))
    return Row(case, what, figure, unit, times, f"× ≥ {least:g}", times >= least, tuple(theirs))


def table(report: Report) -> str:
    """The rows as a Markdown table, with what they were measured on above it."""
    machine = report.machine
    lines = [
        f"{report.date}, {machine['cpu']}, {machine['cores']} cores, "
        f"Python {machine['python']}, {machine['system']}",
        "",
        "| case | what | figure | ours is | target | met |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(_line(row) for row in report.rows),
    ]
    lines += [f"\nLeft out: {text}" for text in report.left_out]
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    ours = "" if row.ratio is None else f"{row.ratio:.1f} ×"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    figure = f"{row.figure:,.0f}" if row.figure >= 100 else f"{row.figure:,.3g}"
    return (
        f"| {row.case} | {row.what} | {figure} {row.unit} | {ours} | {row.target or ''} | {met} |"
    )


def write_json(report: Report, path: Path) -> None:
    """The same and every single run."""
    whole = {**report._asdict(), "rows": [row._asdict() for row in report.rows]}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
