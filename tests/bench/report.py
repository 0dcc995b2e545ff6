"""What the benchmark found: rows of figures, as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure; None if it couldn't be had. ``ratio``: of ours to this one, where it is a peer's;
    above 1, ours is better. ``target``: what was aimed at, and ``met``: whether it was; both None
    without a target.
    """

    case: str
    what: str
    figure: float | None
    unit: str
    ratio: float | None = None
    target: str | None = None
    met: bool | None = None
    runs: tuple[float, ...] = ()


class Measured(NamedTuple):
    """When a case was measured, of which commit, on what, in how many rounds, with how many
    processes ready to run, on average of the minute before.
    """

    date: str
    commit: str
    machine: str
    rounds: int
    load: float | None


class Report(NamedTuple):
    """What was measured, with which versions, of what size: the last run's. Cases may be of several
    runs: ``measured`` has each one's.
    """

    versions: Mapping[str, str]
    peer_versions: Mapping[str, str]
    sizes: Mapping[str, Any]
    measured: dict[str, Measured]
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
    return _held(case, what, theirs, unit, ratio(ours, theirs), least)


def cheaper(
    case: str, what: str, ours: float, theirs: float, unit: str, least: float | None = None
) -> Row:
    """What a peer takes, and how many times less ours does."""
    return _held(case, what, [theirs], unit, theirs / ours, least)


def _held(
    case: str, what: str, theirs: Sequence[float], unit: str, times: float, least: float | None
) -> Row:
    row = Row(case, what, statistics.median(theirs), unit, times, runs=tuple(theirs))
    if least is None:
        return row
    return row._replace(target=f"× ≥ {least:.3g}", met=times >= least)


def table(report: Report) -> str:
    """The rows as a Markdown table, with what they were measured on above it."""
    lines = [
        *(f"* `{case}`: {_when(measured)}" for case, measured in report.measured.items()),
        "",
        "| case | what | figure | the worker is | target | met |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(_line(row) for row in report.rows),
    ]
    lines += [f"\nLeft out: {text}" for text in report.left_out]
    return "\n".join(lines) + "\n"


def _when(measured: Measured) -> str:
    load = "" if measured.load is None else f", load {measured.load:.0f}"
    counted = f"{measured.rounds} rounds" if measured.rounds else "counted once"
    return f"{measured.date}, commit {measured.commit}, {counted}, {measured.machine}{load}"


def _line(row: Row) -> str:
    ours = "" if row.ratio is None else f"{row.ratio:.2f} ×"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    figure = "" if row.figure is None else f"{_text(row.figure)} {row.unit}"
    return f"| {row.case} | {row.what} | {figure} | {ours} | {row.target or ''} | {met} |"


def _text(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:,.3g}"


def merged(report: Report, before: Report | None) -> Report:
    """The report with those cases of one before that it hasn't measured itself, in order."""
    if before is None:
        return report
    kept = {case: one for case, one in before.measured.items() if case not in report.measured}
    measured = sorted({**kept, **report.measured}.items(), key=lambda one: _place(one[0]))
    rows = [row for row in before.rows if row.case in kept] + report.rows
    return report._replace(
        measured=dict(measured), rows=sorted(rows, key=lambda row: _place(row.case))
    )


def _place(case: str) -> tuple[bool, str, bool]:
    name = case.removesuffix("-work")
    return name == "curve", name, name != case


def write_json(report: Report, path: Path) -> None:
    """The same and every single run."""
    whole = {
        **report._asdict(),
        "measured": {case: one._asdict() for case, one in report.measured.items()},
        "rows": [row._asdict() for row in report.rows],
    }
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Report | None:
    """What ``write_json`` has written there; None if nothing has been."""
    if not path.exists():
        return None
    whole = json.loads(path.read_text(encoding="utf-8"))
    measured = {case: Measured(**one) for case, one in whole["measured"].items()}
    return Report(**{**whole, "measured": measured, "rows": [Row(**one) for one in whole["rows"]]})
