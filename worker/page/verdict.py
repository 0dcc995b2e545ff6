"""The page's verdict, by rule: the worst time for callers, and the part that caused it. Pure."""

from __future__ import annotations

from statistics import median_low
from typing import Any, Final

from worker.page.bins import Bins
from worker.times.minutes import MINUTE

_ENOUGH: Final = 20
"""The samples that a bin needs for its 95th percentile to be compared."""
_WORSE: Final = 2
"""The factor by which a bin must be worse than the median bin to be reported."""
_PARTS: Final = ("SttLatency", "ApplicationLatency", "TtsLatency")

_ByBin = dict[str, list[int | None]]


def verdict(bins: Bins, latency: dict[str, _ByBin], abandoned: list[int]) -> dict[str, Any] | None:
    """The bin with the most abandoned waits, and of several the one with the highest p95 of
    CallerWait; None if no wait was abandoned and no bin is twice as bad as the median bin.

    ``quarter``: the abandoned waits in the quarter of an hour around the bin. ``part``: the part
    whose p95 exceeds its median bin's by most ms; None if none exceeds it.
    """
    waits = latency["CallerWait"]
    p95 = _enough(waits)
    worst = max(range(bins.number), key=lambda i: (abandoned[i], p95[i] or 0, -i))
    usual = _median(p95)
    if not abandoned[worst] and (p95[worst] or 0) < _WORSE * usual:
        return None
    around = max(1, 15 * MINUTE // bins.width) // 2
    return {
        "bin": worst,
        "gave_up": abandoned[worst],
        "quarter": sum(abandoned[max(0, worst - around) : worst + around + 1]),
        "p95": p95[worst],
        "usual": usual,
        "part": _part(latency, worst),
    }


def _enough(latency: _ByBin) -> list[int | None]:
    return [
        p95 if n is not None and n >= _ENOUGH else None
        for n, p95 in zip(latency["n"], latency["p95"], strict=True)
    ]


def _median(values: list[int | None]) -> int:
    known = [value for value in values if value is not None]
    return median_low(known) if known else 0


def _part(latency: dict[str, _ByBin], worst: int) -> dict[str, Any] | None:
    grown: list[tuple[int, str, int, int]] = []
    for name in _PARTS:
        there, usual = latency[name]["p95"][worst], _median(_enough(latency[name]))
        if there is not None and there > usual:
            grown.append((there - usual, name, there, usual))
    if not grown:
        return None
    _, name, there, usual = max(grown)
    return {"name": name, "p95": there, "usual": usual}
