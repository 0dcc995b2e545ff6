"""Recordings of a stream: a folder with one file per shard, one record per line as GetRecords has
it.

A line is ``{"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}`` with the
data in base64 and the arrival in epoch seconds or ISO 8601. Data and arrival are required; other
keys are ignored, blank lines skipped. A line that can't be read as a record becomes a DamagedLine
and never stops the reading.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import msgspec

from worker.errors import Unreadable
from worker.recordings.damaged_line import DamagedLine
from worker.recordings.files import RECORDING_LINE_BYTES, ShardFile, find_shard_files, lines_of
from worker.recordings.unpacking import CutOff
from worker.stream.record import Record
from worker.times.rfc3339 import parse_ms


class _Line(msgspec.Struct, gc=False):
    Data: bytes
    ApproximateArrivalTimestamp: float | str
    SequenceNumber: str | int | None = None
    PartitionKey: str | None = None


_LAST_ARRIVAL: Final = 253_402_300_799_999  # the end of the year 9999
_decode: Final = msgspec.json.Decoder(_Line).decode


def read_recording(path: str) -> Iterator[Record | DamagedLine]:
    """Yield all records of the recording at ``path``, merged by (arrival, shard, position in its
    file).

    ``path`` is a folder, one file, or ``-`` for plain lines on standard input. Only one block of
    each file is in memory. The order within a file is kept whatever the arrivals; a DamagedLine
    keeps its place in it. A record without a sequence number gets its line number. Raises BadInput,
    at once, if there is no recording at ``path``; for a pipe, once it is read.
    """
    files = find_shard_files(path)
    for file in files:
        if file.path is not None and file.path.is_file():
            next(lines_of(file), None)
    return _read(files[0]) if len(files) == 1 else _merged(files)


def _merged(files: list[ShardFile]) -> Iterator[Record | DamagedLine]:
    for _, _, _, item in heapq.merge(*(_placed(n, file) for n, file in enumerate(files))):
        yield item


def _placed(n: int, file: ShardFile) -> Iterator[tuple[int, int, int, Record | DamagedLine]]:
    """Yield items with their place in the merge, which never decreases within a file."""
    arrival = 0
    for position, item in enumerate(_read(file)):
        if isinstance(item, Record) and item.arrival > arrival:
            arrival = item.arrival
        yield arrival, n, position, item


def _read(file: ShardFile) -> Iterator[Record | DamagedLine]:
    shard = file.shard
    for number, line in enumerate(lines_of(file), 1):
        if isinstance(line, CutOff):
            yield from _end_at(line, shard, number)
        elif line and not line.isspace():
            try:
                yield _record_of(line, shard, number)
            except Unreadable as error:
                yield DamagedLine(shard, number, str(error), line)


def _end_at(cut: CutOff, shard: str, number: int) -> Iterator[Record | DamagedLine]:
    begun = cut.begun
    try:
        yield _record_of(begun, shard, number)
    except Unreadable:
        yield DamagedLine(shard, number, cut.reason, begun)
    else:
        yield DamagedLine(shard, number + 1, cut.reason, b"")


def _record_of(line: bytes, shard: str, number: int) -> Record:
    if len(line) > RECORDING_LINE_BYTES:
        raise Unreadable(f"line of more than {RECORDING_LINE_BYTES} bytes")
    try:
        fields = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not a record: {error}") from error
    sequence_number = fields.SequenceNumber
    return Record(
        shard,
        str(number if sequence_number is None else sequence_number),
        _arrival_ms(fields.ApproximateArrivalTimestamp),
        fields.Data,
        fields.PartitionKey or "",
    )


def _arrival_ms(stamp: float | str) -> int:
    """Return epoch milliseconds, to the nearest; seconds as a double are precise to
    microseconds.
    """
    arrival = parse_ms(stamp) if isinstance(stamp, str) else round(stamp * 1000)
    if arrival is None or not 0 <= arrival <= _LAST_ARRIVAL:
        raise Unreadable("not a record: ApproximateArrivalTimestamp isn't a time")
    return arrival
