"""The events of many calls merged by time, with only the calls in progress in memory. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from worker.stream.record import Record
from worker.twilio.report_rows import ReportedCallEvent

SHARD = "twilio"
"""The shard of a recording that was read back; Twilio's API has no shards."""


class Beginning(NamedTuple):
    """The time of a call's first event, in epoch ms, and the call's SID."""

    first: int
    call_sid: str


def merged(
    beginnings: Iterable[Beginning], load: Callable[[str], Sequence[ReportedCallEvent]]
) -> Iterator[Record]:
    """The records of all calls, ordered by (time, call, position in the call). ``load`` returns
    the events of one call, none of them before its beginning.
    """
    waiting: list[tuple[int, str, int, bytes]] = []
    number = 0
    for first, call_sid in sorted(beginnings):
        while waiting and waiting[0][0] < first:
            number += 1
            yield _record(number, *heapq.heappop(waiting))
        for position, event in enumerate(load(call_sid)):
            heapq.heappush(waiting, (event.arrival, call_sid, position, event.data))
    while waiting:
        number += 1
        yield _record(number, *heapq.heappop(waiting))


def _record(number: int, arrival: int, call_sid: str, _position: int, data: bytes) -> Record:
    return Record(SHARD, str(number), arrival, data, call_sid)
