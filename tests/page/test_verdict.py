"""The verdict: by rule, and nothing where nothing was out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worker.page.bins import Bins
from worker.page.verdict import verdict

BINS = Bins(0, 300_000, 5)
CALM = [1000] * 5


def latency(p95: Sequence[int | None], n: list[int] | None = None) -> dict[str, Any]:
    return {"n": n or [30] * 5, "p95": p95}


def told(
    waits: Sequence[int | None], abandoned: list[int], n: list[int] | None = None, **parts: Any
) -> dict[str, Any] | None:
    by_name = {name: latency(CALM) for name in ("SttLatency", "ApplicationLatency", "TtsLatency")}
    by_name.update({name: latency(p95) for name, p95 in parts.items()})
    return verdict(BINS, {"CallerWait": latency(waits, n), **by_name}, abandoned)


def test_calm_traffic_has_none() -> None:
    assert told([1000, 1100, 1900, 1000, 1000], [0] * 5) is None


def test_it_is_where_most_gave_up_and_of_several_where_waits_were_longest() -> None:
    found = told([9000, 1000, 1000, 3000, 1000], [0, 2, 0, 2, 1])
    assert found is not None
    assert (found["bin"], found["gave_up"], found["quarter"]) == (3, 2, 3)


def test_where_nobody_gave_up_it_is_a_bin_twice_as_slow_as_the_median_one() -> None:
    found = told([1000, 1000, 2000, 1000, 1000], [0] * 5)
    assert found is not None
    assert (found["bin"], found["p95"], found["usual"]) == (2, 2000, 1000)


def test_a_bin_of_few_samples_is_not_compared() -> None:
    assert told([1000, 9000, 1000, 1000, 1000], [0] * 5, [30, 19, 30, 30, 30]) is None


def test_it_names_the_part_that_has_grown_most() -> None:
    slow = [1000, 1000, 6000, 1000, 1000]
    found = told(slow, [0] * 5, ApplicationLatency=slow, SttLatency=[1000, 1000, 1200, 1000, 1000])
    assert found is not None
    assert found["part"] == {"name": "ApplicationLatency", "p95": 6000, "usual": 1000}
    assert (told(slow, [0] * 5) or {})["part"] is None
