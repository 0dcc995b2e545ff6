"""What is released when, if the shards of a stream are not read in step."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.building import PROMPT, Driven, event
from tests.scenes import BASE
from worker.events.decode import Delivery
from worker.events.event import Event
from worker.metrics.series import EmittedSample
from worker.partition.rules import Rules
from worker.times.minutes import MINUTE

SHARDS = ("shard-0", "shard-1")
RULES = Rules()
LAST = BASE + 20 * MINUTE
SECOND = 1000

Part = tuple[str, Event]
"""An event and the shard that it lies on."""


def fold(driven: Driven, parts: list[Part]) -> None:
    """Read these events; their shards have then been read up to them."""
    driven.partition.fold([Delivery(one, shard, "1", one.arrival, b"") for shard, one in parts])


def in_step(parts: list[Part]) -> Driven:
    """Everything is read in the order of its arrival, and time goes on with it."""
    driven = Driven(RULES)
    for shard, one in sorted(parts, key=lambda part: part[1].arrival):
        for other in SHARDS:
            driven.partition.tip(other, one.arrival - 1)
        driven.partition.advance(SHARDS)
        driven.commit()
        fold(driven, [(shard, one)])
    return ended(driven)


def one_ahead(parts: list[Part], step: int) -> Driven:
    """The second shard is read to its end before the first one is begun, and time goes on in
    steps of so many ms.
    """
    driven = Driven(RULES)
    fold(driven, [part for part in parts if part[0] == SHARDS[1]])
    driven.partition.tip(SHARDS[1], LAST)
    rest = sorted((one for shard, one in parts if shard == SHARDS[0]), key=lambda one: one.arrival)
    for until in range(BASE, LAST + step, step):
        while rest and rest[0].arrival <= until:
            fold(driven, [(SHARDS[0], rest.pop(0))])
        driven.partition.tip(SHARDS[0], until)
        driven.partition.advance(SHARDS)
        driven.commit()
    return ended(driven)


def ended(driven: Driven) -> Driven:
    for shard in SHARDS:
        driven.partition.tip(shard, LAST)
    driven.partition.advance(SHARDS)
    driven.commit()
    return driven


def told(driven: Driven) -> Counter[EmittedSample]:
    found: Counter[EmittedSample] = Counter()
    for _, one, count in driven.told:
        found[one] += count
    return found


@st.composite
def within_the_hold(draw: st.DrawFn) -> list[Part]:
    """A session on two shards, each event delivered before its minute is first emitted."""
    rng = Random(draw(st.integers(0, 10**6)))
    names = ["stt_latency", "configurations", PROMPT, "first_token_received", "interrupt"]
    parts = []
    for number in range(draw(st.integers(2, 20))):
        at, delay = rng.randrange(0, 4 * MINUTE), rng.randrange(1, RULES.hold_direct)
        name = rng.choice(names)
        payload: Any = {"latency_ms": 90} if name == "stt_latency" else None
        if name == "configurations":
            payload = {"configurations": {"ttsLanguage": rng.choice(["en", "de"])}}
        parts.append((rng.choice(SHARDS), event(at, name, payload, number, delay)))
    return parts


@settings(max_examples=30, deadline=None)
@given(within_the_hold(), st.sampled_from([MINUTE // 4, MINUTE, 20 * MINUTE]))
def test_what_came_within_the_hold_is_emitted_alike_however_far_a_shard_is_ahead(
    parts: list[Part], step: int
) -> None:
    calm, skewed = in_step(parts), one_ahead(parts, step)
    assert told(skewed) == told(calm)
    assert not skewed.partition.counters["samples_retracted"]


def test_what_came_after_the_hold_may_be_emitted_before_its_like_of_a_shard_behind() -> None:
    """Both arrive 5 minutes late: in step they are emitted together; read ahead, the one is emitted
    in a context that the other one changes. In the end what holds is emitted, the rest counted.
    """
    late = 5 * MINUTE
    spanish = {"configurations": {"transcriptionProvider": "deepgram"}}
    parts = [
        (SHARDS[0], event(2 * SECOND, "dtmf")),
        (SHARDS[1], event(1 * SECOND, "stt_latency", {"latency_ms": 90}, 2, late)),
        (SHARDS[0], event(0, "configurations", spanish, 3, late + 2 * SECOND)),
    ]
    calm, skewed = in_step(parts), one_ahead(parts, MINUTE // 4)
    assert not calm.partition.counters["samples_retracted"]
    taken_back = skewed.partition.counters["samples_retracted"]
    assert taken_back
    over_emitted = told(skewed) - told(calm)
    assert over_emitted.total() == taken_back
    assert not told(calm) - told(skewed)
