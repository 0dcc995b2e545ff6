"""What a reader tells its observer of a stream, as it happens. Pure."""

from __future__ import annotations

from typing import NamedTuple

from worker.sources.kinesis.api import StreamFailure
from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.shard_consumer import Shard, ShardStage


class StageChanged(NamedTuple):
    """Notice: a shard has come to another stage of its life."""

    shard: str
    stage: ShardStage


class BackedOff(NamedTuple):
    """Notice: a call failed, ``attempt`` in a row; the next in ``wait`` ms. Shard "": a survey."""

    shard: str
    failure: StreamFailure
    attempt: int
    wait: int


class FoundAgain(NamedTuple):
    """Notice: a survey has succeeded, after so many failed ones."""

    attempts: int


class ClocksDiffer(NamedTuple):
    """Notice: the date of an answer was not believed. Shard "": a survey's."""

    shard: str
    doubt: ClockDoubt


ReaderEvent = StageChanged | BackedOff | FoundAgain | ClocksDiffer


def clock_doubts(shard: str, doubt: ClockDoubt | None) -> list[ReaderEvent]:
    """That an answer had such a date, if it had."""
    return [] if doubt is None else [ClocksDiffer(shard, doubt)]


def stage_changes(shard: Shard, before: ShardStage) -> list[ReaderEvent]:
    """That ``shard`` has left the stage ``before``, if it has."""
    return [] if shard.stage is before else [StageChanged(shard.info.shard, shard.stage)]
