"""From what the probe found in many recordings to goals, each met or not. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Any, Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE
from worker.reports.record_counts import COUNTED

DEFAULT: Final = "default delays"
SHORT: Final = "delays of 5 s"
NO_STRAGGLERS: Final = "no stragglers"
WITHIN: Final = "all within the hold"
WHOLE: Final = "nothing lost"
LOSSY: Final = "2 % lost"

DIRECT_MEDIAN_S: Final = 90
TURN_MEDIAN_S: Final = 240
TURN_P95_S: Final = 540
"""What release by time alone achieves at delays of 60 s; it stands in where nothing is measured
before.
"""


class Run(NamedTuple):
    """One recording: its variant and seed, how many events came later than the hold, and what the
    probe found in it.
    """

    variant: str
    seed: int
    late: int
    figures: Mapping[str, Any]


class Goal(NamedTuple):
    """A figure, what it should be, what it was before (empty if nobody measured that) and is now.
    ``met`` is None where it takes the figure before, and there is none.
    """

    what: str
    goal: str
    before: str
    now: str
    met: bool | None


class Count(NamedTuple):
    """What was published of a metric and what the session records add up to."""

    published: int
    recorded: int

    @property
    def off(self) -> int:
        """By how much the published count is wrong."""
        return abs(self.published - self.recorded)


class Released(NamedTuple):
    """How long after their minutes' end samples were released: seconds, and the share of them
    within 60 s.
    """

    median: int
    p95: int
    within: float


def of(runs: Iterable[Run], *variants: str) -> list[Run]:
    """The runs of these variants."""
    return [run for run in runs if run.variant in variants]


def counts(run: Run) -> dict[str, Count]:
    """Each metric that counts what records count, too."""
    published, recorded = run.figures["published"], run.figures["records"]
    found = {}
    for metric, path in COUNTED.items():
        samples, total = published.get(metric, (0, 0))
        by_sum = metric in CATALOGUE and CATALOGUE[metric].unit == "Count"
        found[metric] = Count(total if by_sum else samples, round(recorded.get(path, 0)))
    return found


def quantile(counted: Iterable[Sequence[int]], share: float) -> int:
    """The sample at that share of some counted ones, by nearest rank."""
    ordered = sorted((value, count) for value, count in counted)
    rank = ceil(share * sum(count for _, count in ordered))
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return value
    raise ValueError("no samples")


def released(runs: Iterable[Run], *kinds: str) -> Released | None:
    """The times to release of some kinds, over all runs; None without a sample."""
    seconds: Counter[int] = Counter()
    for run in runs:
        for kind in kinds:
            for wait, samples in run.figures["released"].get(kind, ()):
                seconds[wait] += samples
    if not seconds:
        return None
    within = sum(samples for wait, samples in seconds.items() if wait <= 60)
    pairs = list(seconds.items())
    return Released(quantile(pairs, 0.5), quantile(pairs, 0.95), within / seconds.total())


def retracted(runs: Iterable[Run]) -> float:
    """The share of all published samples that were retracted, in percent."""
    samples = taken_back = 0
    for run in runs:
        samples += run.figures["samples"]
        taken_back += run.figures["retracted"]
    return 100 * taken_back / max(1, samples)


def untrue_turns(runs: Iterable[Run]) -> int:
    """Published samples of turn metrics that are none, where no event was later than the hold."""
    return sum(run.figures["untrue"].get("turn", 0) for run in runs if not run.late)


def pooled_counts(runs: Iterable[Run]) -> dict[str, Count]:
    """The counts of all these runs together."""
    pooled: dict[str, Count] = dict.fromkeys(COUNTED, Count(0, 0))
    for run in runs:
        for metric, (published, recorded) in counts(run).items():
            one = pooled[metric]
            pooled[metric] = Count(one.published + published, one.recorded + recorded)
    return pooled


def worst_count(runs: Iterable[Run]) -> str:
    """The count that is off by the greatest share of the records' sum, over all runs."""
    pooled = pooled_counts(runs)
    worst = max(pooled, key=lambda metric: pooled[metric].off / max(1, pooled[metric].recorded))
    if not pooled[worst].off:
        return "all equal"
    return f"{worst} {pooled[worst].published:,} for {pooled[worst].recorded:,}"


def coverage(runs: Iterable[Run]) -> float:
    """Caller waits that were sampled, of all that ended, in percent."""
    samples = doubtful = 0
    for run in runs:
        samples += run.figures["published"]["CallerWait"][0]
        doubtful += run.figures["published"].get("DoubtfulWaits", (0, 0))[0]
    return 100 * samples / max(1, samples + doubtful)


def changes(runs: Iterable[Run], measured: Callable[[Run], int]) -> list[float]:
    """By how many percent a figure of the lossy runs differs from that of the whole ones, a seed
    each.
    """
    found = list(runs)
    whole = {run.seed: measured(run) for run in of(found, WHOLE)}
    return [
        100 * (measured(run) - whole[run.seed]) / max(1, whole[run.seed])
        for run in of(found, LOSSY)
    ]


def goals(now: list[Run], before: list[Run] | None) -> list[Goal]:
    """All goals, in the order of their reading."""
    return [*_truth(now, before), *_times(now, before), *_loss(now, before)]


def _truth(now: list[Run], before: list[Run] | None) -> Iterable[Goal]:
    late = {name: f"{sum(run.late for run in of(now, name)):,} events later" for name in _JUDGED}

    def goal(
        what: str,
        wanted: str,
        variants: tuple[str, ...],
        figure: Callable[[list[Run]], str],
        met: Callable[[list[Run]], bool],
    ) -> Goal:
        ours = of(now, *variants)
        theirs = None if before is None else of(before, *variants)
        return Goal(what, wanted, "" if theirs is None else figure(theirs), figure(ours), met(ours))

    for variant in (DEFAULT, SHORT):
        yield goal(
            f"samples retracted, {variant}",
            "≤ 0.03 %",
            (variant,),
            lambda runs: f"{retracted(runs):.4f} %",
            lambda runs: retracted(runs) <= 0.03,
        )
    yield goal(
        "samples of turn metrics retracted where no event is later than the hold",
        "none",
        _JUDGED,
        lambda runs: f"{untrue_turns(runs):,}",
        lambda runs: not untrue_turns(runs),
    )
    yield goal(
        f"counts off the records' sum, {DEFAULT}",
        "≤ 2 × events later than the hold",
        (DEFAULT,),
        worst_count,
        lambda runs: all(c.off <= 2 * run.late for run in runs for c in counts(run).values()),
    )
    yield goal(
        f"counts off the records' sum, {WITHIN}",
        "all equal",
        (WITHIN,),
        worst_count,
        lambda runs: not any(count.off for run in runs for count in counts(run).values()),
    )
    yield goal(
        f"sessions revised, {DEFAULT} ({late[DEFAULT]})",
        "≤ events later than the hold",
        (DEFAULT,),
        lambda runs: f"{_revised(runs):,}",
        lambda runs: all(run.figures["revised"] <= run.late for run in runs),
    )
    for variant in (NO_STRAGGLERS, WITHIN):
        yield goal(
            f"sessions revised, {variant} ({late[variant]})",
            "none",
            (variant,),
            lambda runs: f"{_revised(runs):,}",
            lambda runs: not _revised(runs),
        )


_JUDGED: Final = (DEFAULT, SHORT, NO_STRAGGLERS, WITHIN)


def _revised(runs: Iterable[Run]) -> int:
    return sum(run.figures["revised"] for run in runs)


def _times(now: list[Run], before: list[Run] | None) -> Iterable[Goal]:
    direct, turn = released(of(now, DEFAULT), "direct"), released(of(now, DEFAULT), "turn")
    if direct is None or turn is None:
        return
    was_direct = None if before is None else released(of(before, DEFAULT), "direct")
    was_turn = None if before is None else released(of(before, DEFAULT), "turn")
    median = was_direct.median if was_direct else DIRECT_MEDIAN_S
    yield _time("direct metrics, median", median, direct.median, was_direct is not None)
    yield Goal(
        "direct metrics released within 60 s",
        "as before, but for SessionsStarted and metrics by context",
        f"{was_direct.within:.1%}" if was_direct else "",
        f"{direct.within:.1%}",
        direct.within >= was_direct.within - 0.001 if was_direct else None,
    )
    median = was_turn.median if was_turn else TURN_MEDIAN_S
    yield _time("turn metrics, median", median, turn.median, was_turn is not None)
    p95 = was_turn.p95 if was_turn else TURN_P95_S
    yield _time("turn metrics, 95th percentile", p95, turn.p95, was_turn is not None)


def _time(what: str, most: int, now: int, measured: bool) -> Goal:
    before = f"{most} s" if measured else ""
    return Goal(f"time to release, {what}", f"≤ {most} s", before, f"{now} s", now <= most)


def _loss(now: list[Run], before: list[Run] | None) -> Iterable[Goal]:
    for name, share in (("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)):
        yield _change(f"CallerWait {name}", partial(_caller_wait, share=share), now, before)
    covered = coverage(of(now, LOSSY))
    yield Goal(
        f"coverage of CallerWait, {LOSSY}",
        "≥ 94 %",
        "" if before is None else f"{coverage(of(before, LOSSY)):.1f} %",
        f"{covered:.1f} %",
        covered >= 94,
    )
    for metric in ("AmbiguousTurns", "AmbiguousReplies"):
        yield _change(metric, partial(_published, metric=metric), now, before)


def _caller_wait(run: Run, share: float) -> int:
    return quantile(run.figures["caller_waits"], share)


def _published(run: Run, metric: str) -> int:
    return int(run.figures["published"].get(metric, (0, 0))[1])


def _change(
    what: str, measured: Callable[[Run], int], now: list[Run], before: list[Run] | None
) -> Goal:
    found = changes(now, measured)
    return Goal(
        f"{what}, {LOSSY} against {WHOLE}",
        "within ± 10 %",
        "" if before is None else _span(changes(before, measured)),
        _span(found),
        all(abs(change) <= 10 for change in found),
    )


def _span(found: list[float]) -> str:
    return f"{min(found):+.1f} to {max(found):+.1f} %"
