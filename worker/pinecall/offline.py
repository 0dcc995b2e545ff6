"""Saved call logs, as the records that the bridge puts of them. Shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from worker.events.pinecall.cloud_event import PinecallEvent, encode_event
from worker.pinecall.answers import is_call_id
from worker.pinecall.mapping.call_log import CallMapping
from worker.pinecall.mapping.sdk_frames import FrameMapping
from worker.pinecall.records import BRIDGE_SHARD, time_of
from worker.pinecall.saved import LogEntry, SavedItem, items_of
from worker.stream.record import Record


class Converted(NamedTuple):
    """``calls``: those with records; ``skipped``: simulated and written calls, by reason."""

    records: list[Record]
    calls: int
    skipped: dict[str, int]


class SavedCalls:
    """Maps the items of files, one file after the other: entries of a call whose log is split over
    several files are read in the order of the files.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._calls: dict[str, CallMapping] = {}
        self._frames = FrameMapping(account)

    def records(self, paths: Iterable[Path]) -> Converted:
        """Return the records, by arrival. Raises ``BadInput`` for a file that can't be read."""
        found: list[tuple[int, PinecallEvent]] = []
        for path in paths:
            for item in items_of(path):
                found += self._of(item)
        found.sort(key=_order)
        records = [
            Record(
                BRIDGE_SHARD, f"{number:020d}", arrival, encode_event(event), event.partition_key
            )
            for number, (arrival, event) in enumerate(found, 1)
        ]
        skipped: dict[str, int] = {}
        for one in self._calls.values():
            if one.skipped is not None:
                skipped[one.skipped] = skipped.get(one.skipped, 0) + 1
        return Converted(records, len({record.partition_key for record in records}), skipped)

    def _of(self, item: SavedItem) -> Iterator[tuple[int, PinecallEvent]]:
        if isinstance(item, LogEntry):
            call = item.entry.get("call")
            if not isinstance(call, str) or not is_call_id(call):
                return
            if call not in self._calls:
                self._calls[call] = CallMapping(self._account, call)
            for event in self._calls[call].read(item.entry):
                yield time_of(event), event
        else:
            for event in self._frames.read(item.event, item.data, item.arrival):
                at = time_of(event)
                yield max(at, item.arrival or at), event


def _order(one: tuple[int, PinecallEvent]) -> tuple[int, str, int]:
    arrival, event = one
    return arrival, event.partition_key, event.sequence_number
