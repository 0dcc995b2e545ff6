"""Traffic that loses events: what is missing is counted apart, and what is measured stays true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import ceil
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from worker.events.decode import decode
from worker.events.event import Event, SessionKey
from worker.sessions.analysis import analyse
from worker.sessions.event_log import LoggedEvent, logged_event
from worker.testing.habits import Habits
from worker.testing.traffic import Traffic, simulated_records

BUSY = Habits(barge_ins=0.3, coughs=0.25, back_to_back=0.25, fillers=0.5, silences=0.3)
Sessions = dict[SessionKey, list[LoggedEvent]]
Found = Mapping[str, list[int]]


def sessions(traffic: Traffic, seed: int) -> Sessions:
    """The events of each session; times in epoch ms."""
    found: Sessions = defaultdict(list)
    for record in simulated_records(traffic, seed):
        for delivery in decode(record):
            if isinstance(event := delivery.occurrence, Event):
                found[event.key].append(logged_event(event, 0))
    return found


def lossy(whole: Sessions, share: float, seed: int) -> Sessions:
    """The sessions without that share of their events."""
    rng = Random(seed)
    kept = {key: [row for row in rows if rng.random() >= share] for key, rows in whole.items()}
    return {key: rows for key, rows in kept.items() if rows}


def samples(rows: list[LoggedEvent], *, contiguous: bool = True) -> Found:
    """Samples by metric; those of an own dimension left out."""
    analysis = analyse(rows, 0, closing=True, contiguous=contiguous)
    found: dict[str, list[int]] = defaultdict(list)
    for some in (analysis.direct.samples, analysis.conversation.samples):
        for part in some.parts.values():
            for kind, values in part.items():
                if isinstance(kind, str):
                    found[kind] += values
    return found


def together(all_sessions: Iterable[list[LoggedEvent]]) -> Found:
    whole: dict[str, list[int]] = defaultdict(list)
    for rows in all_sessions:
        for metric, values in samples(rows).items():
            whole[metric] += values
    return whole


def percentile(values: list[int], percent: float) -> int:
    return sorted(values)[ceil(percent / 100 * len(values)) - 1]


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from((0.0, 0.002, 0.02, 0.2)))
def test_each_turn_and_each_prompt_is_counted_as_one_thing(seed: int, lost: float) -> None:
    for rows in lossy(sessions(Traffic(sessions=8, habits=BUSY), seed), lost, seed).values():
        count = {metric: len(values) for metric, values in samples(rows).items()}
        assert count.get("Turns", 0) == sum(
            count.get(metric, 0)
            for metric in ("ResponseLatency", "AmbiguousTurns", "DoubtfulTurns")
        )
        assert count.get("Prompts", 0) == sum(
            count.get(metric, 0)
            for metric in (
                *("ApplicationLatency", "AmbiguousReplies", "UnansweredPrompts"),
                "DoubtfulPrompts",
            )
        )


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_without_a_missing_number_nothing_is_doubtful(seed: int) -> None:
    whole = together(sessions(Traffic(sessions=8, habits=BUSY, lost=0.0), seed).values())
    assert whole["Turns"]
    assert not {metric for metric in whole if metric.startswith("Doubtful")}


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_where_numbers_mean_nothing_every_second_one_may_be_left_out(seed: int) -> None:
    for rows in sessions(Traffic(sessions=6, habits=BUSY, lost=0.0), seed).values():
        sparse = [replace(row, sequence_number=2 * row.sequence_number) for row in rows]
        assert samples(sparse, contiguous=False) == samples(rows)
        assert not samples(sparse)["ResponseLatency"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_callers_wait_as_long_as_they_did_even_if_a_fiftieth_of_the_events_is_lost(
    seed: int,
) -> None:
    whole = sessions(Traffic(sessions=1500, lost=0.0), seed)
    true, seen = together(whole.values()), together(lossy(whole, 0.02, seed).values())
    waits = seen["CallerWait"]
    for percent in (50, 95, 99, 99.9):
        wanted = percentile(true["CallerWait"], percent)
        assert abs(percentile(waits, percent) - wanted) <= 0.1 * wanted
    assert len(waits) >= 0.94 * (len(waits) + len(seen["DoubtfulWaits"]))
