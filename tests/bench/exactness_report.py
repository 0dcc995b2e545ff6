"""What the exactness measurement found, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from tests.bench.exactness_goals import (
    DEFAULT,
    LOSSY,
    NO_STRAGGLERS,
    SHORT,
    WHOLE,
    WITHIN,
    Count,
    Goal,
    Run,
    of,
    pooled_counts,
    released,
)

_KINDS = {
    "direct": "direct metrics",
    "context": "SessionsStarted, SttLatency, TtsLatency",
    "turn": "turn metrics",
    "session": "metrics of whole sessions",
}


def report(found: Iterable[Goal], now: list[Run], before: list[Run] | None) -> str:
    """Goals, times to release, and counts beside the records' sums."""
    return "\n\n".join([_goals(found), _releases(now, before), _counts(now, before)]) + "\n"


def _goals(found: Iterable[Goal]) -> str:
    met = {None: "", True: "yes", False: "**no**"}
    rows = [(one.what, one.goal, one.before, one.now, met[one.met]) for one in found]
    return _table(("what", "goal", "before", "now", "met"), rows, 2)


def _releases(now: list[Run], before: list[Run] | None) -> str:
    """From a minute's end to the release of its samples."""
    rows = []
    for variant in (DEFAULT, SHORT, NO_STRAGGLERS, WITHIN, WHOLE, LOSSY):
        for kind, text in _KINDS.items():
            was = "" if before is None else _seconds(of(before, variant), kind)
            rows.append((variant, text, was, _seconds(of(now, variant), kind)))
    head = ("traffic", "samples of", "before: median, p95, within 60 s", "now")
    return _table(head, [row for row in rows if row[3]], 2)


def _seconds(runs: list[Run], kind: str) -> str:
    found = released(runs, kind)
    return "" if found is None else f"{found.median} s, {found.p95} s, {found.within:.1%}"


def _counts(now: list[Run], before: list[Run] | None) -> str:
    """All counts at the default delays, over all seeds."""
    ours = pooled_counts(of(now, DEFAULT))
    theirs = None if before is None else pooled_counts(of(before, DEFAULT))
    rows = [
        (metric, "" if theirs is None else _beside(theirs[metric]), _beside(count))
        for metric, count in ours.items()
        if count.published or count.recorded
    ]
    return _table((f"counts, {DEFAULT}", "before: published, records", "now"), rows, 1)


def _beside(count: Count) -> str:
    off = f" ({100 * (count.published / max(1, count.recorded) - 1):+.2f} %)" if count.off else ""
    return f"{count.published:,}, {count.recorded:,}{off}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], texts: int) -> str:
    """``texts``: how many columns come before those of figures."""
    line = ["---"] * texts + ["---:"] * (len(head) - texts)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, line, *rows))
