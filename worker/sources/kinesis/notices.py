"""What a reader tells its observer of a stream, as it happens. Pure."""

from __future__ import annotations

from typing import NamedTuple

from worker.sources.kinesis.api import Failure
from worker.sources.kinesis.shard_consumer import Shard, Stage


class StageChanged(NamedTuple):
    """Notice: a shard has come to another stage of its life."""

    shard: str
    stage: Stage


class BackedOff(NamedTuple):
    """Notice: a call failed, ``attempt`` in a row; the next in ``wait`` ms. Shard "": a survey."""

    shard: str
    failure: Failure
    attempt: int
    wait: int


class FoundAgain(NamedTuple):
    """Notice: a survey has succeeded, after so many failed ones."""

    attempts: int


Notice = StageChanged | BackedOff | FoundAgain


def stage_changes(shard: Shard, before: Stage) -> list[Notice]:
    """That ``shard`` has left the stage ``before``, if it has."""
    return [] if shard.stage is before else [StageChanged(shard.info.shard, shard.stage)]
