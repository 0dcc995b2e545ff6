"""The events that a reader reports to its observer as they happen. Pure."""

from __future__ import annotations

from typing import NamedTuple

from worker.sources.kinesis.api import StreamFailure
from worker.sources.kinesis.clocks import ClockDoubt
from worker.sources.kinesis.shard_consumer import Shard, ShardStage


class StageChanged(NamedTuple):
    """Event: a shard has entered another stage of its lifecycle."""

    shard: str
    stage: ShardStage


class BackedOff(NamedTuple):
    """Event: a call failed, the ``attempt``-th in a row; the next follows in ``wait`` ms. Shard "":
    a shard sync.
    """

    shard: str
    failure: StreamFailure
    attempt: int
    wait: int


class FoundAgain(NamedTuple):
    """Event: a shard sync has succeeded after ``attempts`` failed ones."""

    attempts: int


class ClocksDiffer(NamedTuple):
    """Event: the date of an answer was not believed. Shard "": that of a shard sync."""

    shard: str
    doubt: ClockDoubt


ReaderEvent = StageChanged | BackedOff | FoundAgain | ClocksDiffer


def clock_doubts(shard: str, doubt: ClockDoubt | None) -> list[ReaderEvent]:
    """Return the event of an answer's doubtful date, if it had one."""
    return [] if doubt is None else [ClocksDiffer(shard, doubt)]


def stage_changes(shard: Shard, before: ShardStage) -> list[ReaderEvent]:
    """Return the event of ``shard`` having left the stage ``before``, if it has."""
    return [] if shard.stage is before else [StageChanged(shard.info.shard, shard.stage)]
