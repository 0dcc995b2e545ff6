"""Finds out whether a source shard has no records to read, and since when. Shell.

Engines don't report an empty shard, or not the server's date; stream time would stand still until
the shard's next record.
"""

from __future__ import annotations

from typing import Literal

from worker.sources.kinesis.api import (
    KinesisApi,
    RecordsAnswer,
    StreamFailure,
    StreamFailureKind,
)
from worker.sources.kinesis.lineage import after_refusal
from worker.sources.kinesis.shard_consumer import tip_clock
from worker.stream.position import HEAD, Position, at_time


def probed_tip(
    api: KinesisApi, shard: str, through: str, seen_to: int, start: Literal["trim_horizon"] | int
) -> int | None:
    """Return the time (epoch ms) before which no record can arrive beyond ``through`` any more.
    ``through``: a sequence number, empty if the shard is not read yet and begins at ``start``.
    ``seen_to``: the shard's clock so far, 0 if it has none; the probe begins about there if the
    stream no longer accepts the number, as it has dropped the record.

    None if the shard has records there, is at its end, or can't be asked.
    """
    if through:
        position = Position("after", through)
    else:
        position = HEAD if start == "trim_horizon" else at_time(start, start)
    iterator = api.shard_iterator(shard, position)
    if (
        isinstance(iterator, StreamFailure)
        and iterator.kind is StreamFailureKind.REFUSED
        and through
    ):
        # no horizon: all remaining records of the shard are beyond the number
        iterator = api.shard_iterator(
            shard, after_refusal(Position("after", through, seen_to), 0)[0]
        )
    if not isinstance(iterator, str):
        return None
    answer = api.get_records(shard, iterator)
    return tip_clock(answer) if isinstance(answer, RecordsAnswer) else None
