"""The stages of a shard: the table, the diagram and what the shard does say the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from typing import Final

import pytest

from worker.sources.kinesis import shard_consumer
from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.lineage import ShardInfo
from worker.sources.kinesis.shard_consumer import TRANSITIONS, Cause, Shard, ShardStage
from worker.stream.position import HEAD, Position

CHILDREN: Final = (ShardInfo("child", ("a",)),)
STARTED: Final = Position("after", "49", 5)


def answered(shard: Shard, children: tuple[ShardInfo, ...]) -> None:
    shard.answer_came(RecordsAnswer([], None, 0, None, 0), children, 1, 0)


def failed(shard: Shard, kind: StreamFailureKind) -> None:
    shard.failed(StreamFailure(kind, ""), 1, lambda: 0.5, 0)


HAPPENINGS: Final[dict[Cause, Callable[[Shard], object]]] = {
    Cause.PARENTS_DONE: lambda shard: shard.begin(STARTED, 0),
    Cause.ITERATOR: lambda shard: shard.iterator_came("i", 0, 0),
    Cause.REFUSED: lambda shard: failed(shard, StreamFailureKind.REFUSED),
    Cause.GONE: lambda shard: failed(shard, StreamFailureKind.GONE),
    Cause.EXPIRED: lambda shard: failed(shard, StreamFailureKind.EXPIRED),
    Cause.END_KNOWN: lambda shard: answered(shard, CHILDREN),
    Cause.END_UNKNOWN: lambda shard: answered(shard, ()),
    Cause.LISTED: lambda shard: shard.listed(0),
    Cause.UNLISTED: lambda shard: shard.unlisted(()),
    Cause.SURVEYED: lambda shard: shard.described(CHILDREN),
}
FAILURES: Final = (Cause.REFUSED, Cause.GONE, Cause.EXPIRED)


def shard_in(stage: ShardStage, position: Position = STARTED) -> Shard:
    return Shard(ShardInfo("a"), position, stage)


def test_the_diagram_has_exactly_the_transitions_of_the_table() -> None:
    lines = re.findall(
        r"^    (\w+) ─+ (.+?) ─+► (\w+)$", shard_consumer.__doc__ or "", re.MULTILINE
    )
    drawn = {
        (ShardStage[before], Cause(cause)): ShardStage[after] for before, cause, after in lines
    }
    assert len(lines) == len(drawn)
    assert drawn == TRANSITIONS


@pytest.mark.parametrize(("stage", "cause"), list(product(ShardStage, Cause)))
def test_a_shard_goes_where_the_table_says_and_nowhere_else(
    stage: ShardStage, cause: Cause
) -> None:
    shard = shard_in(stage)
    if (stage, cause) in TRANSITIONS:
        HAPPENINGS[cause](shard)
        assert shard.stage is TRANSITIONS[stage, cause]
    elif cause in FAILURES:
        HAPPENINGS[cause](shard)
        assert shard.stage is stage
    else:
        with pytest.raises(KeyError):
            HAPPENINGS[cause](shard)


@pytest.mark.parametrize(
    "kind", [StreamFailureKind.THROTTLED, StreamFailureKind.UNAVAILABLE, StreamFailureKind.DENIED]
)
def test_a_call_that_failed_for_a_while_leaves_a_shard_where_it_is(kind: StreamFailureKind) -> None:
    for stage in (ShardStage.SEEKING, ShardStage.READING):
        shard = shard_in(stage)
        failed(shard, kind)
        assert shard.stage is stage


def test_only_a_sequence_number_can_be_refused_for_good() -> None:
    shard = shard_in(ShardStage.SEEKING, HEAD)
    failed(shard, StreamFailureKind.REFUSED)
    assert shard.stage is ShardStage.SEEKING


def test_a_stage_that_waits_for_a_sync_can_be_left_by_one_only() -> None:
    by_survey = {Cause.LISTED, Cause.UNLISTED, Cause.SURVEYED}
    for stage, cause in TRANSITIONS:
        assert shard_in(stage).unresolved == (cause in by_survey)


def test_every_stage_but_the_first_is_reached_and_every_one_but_the_last_is_left() -> None:
    assert {stage for stage, _ in TRANSITIONS} == set(ShardStage) - {ShardStage.ENDED}
    assert set(TRANSITIONS.values()) == set(ShardStage) - {ShardStage.WAITING}


@pytest.mark.parametrize("behind", [0, 1, 7000])
def test_a_batch_says_how_far_behind_its_tip_the_shard_is(behind: int) -> None:
    shard = shard_in(ShardStage.READING)
    batch = shard.answer_came(RecordsAnswer([], "next", behind, None, 0), (), 1, 0)
    assert batch.millis_behind == behind


def test_the_last_batch_of_a_shard_that_never_answered_is_at_its_tip() -> None:
    assert shard_in(ShardStage.ENDING).described(CHILDREN).millis_behind == 0
