"""Writes recordings: one file per shard, one record per line as GetRecords has it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

import msgspec
import zstandard

from worker.errors import Misconfigured
from worker.private_files import owner_only
from worker.recordings.files import SUFFIXES, shard_of_file
from worker.recordings.unpacking import Compression
from worker.stream.record import Record


class _Line(msgspec.Struct, gc=False):
    SequenceNumber: str
    ApproximateArrivalTimestamp: float  # epoch seconds
    Data: bytes
    PartitionKey: str


_SHARD_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")
_SUFFIX_OF: Final = {compression: suffix for suffix, compression in SUFFIXES.items()}
_FLUSH_AT: Final = 1 << 18
_encode_into: Final = msgspec.json.Encoder().encode_into


class RecordingWriter:
    """Writes records into a folder as a recording; a context manager that completes its files.

    Equal records give equal bytes. The folder is created if needed. Raises Misconfigured if it
    holds a recording already, or can't be written to, and for a shard id that Kinesis wouldn't use:
    a server in Kinesis's place may name a shard with a path.
    """

    def __init__(self, folder: str | Path, compression: Compression | None = None) -> None:
        self._folder = Path(folder)
        self._compression = compression
        self._files: dict[str, IO[bytes]] = {}
        self._pending: dict[str, bytearray] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            present = [place.name for place in self._folder.iterdir()]
        except OSError as error:
            raise Misconfigured(f"{self._folder}: {error.strerror}") from error
        if any(shard_of_file(name) for name in present):
            raise Misconfigured(f"{self._folder}: holds a recording already; name another folder")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._open:
            for shard in self._pending:
                self._flush(shard)

    def begin(self, shard: str) -> None:
        """Create the shard's file, so that a shard without records is in the recording too."""
        if shard in self._files:
            return
        if not _SHARD_ID.fullmatch(shard):
            raise Misconfigured(f"{shard!r}: neither a shard id nor usable as a file name")
        place = self._folder / f"{shard}{_SUFFIX_OF[self._compression]}"
        try:
            self._files[shard] = self._opened(place)
        except OSError as error:
            raise Misconfigured(f"{place}: {error.strerror}") from error
        self._pending[shard] = bytearray()

    def write(self, record: Record) -> None:
        """Append ``record`` to the file of its shard."""
        shard = record.shard
        if shard not in self._files:
            self.begin(shard)
        pending = self._pending[shard]
        line = _Line(
            record.sequence_number, record.arrival / 1000, record.data, record.partition_key
        )
        _encode_into(line, pending, -1)
        pending += b"\n"
        if len(pending) >= _FLUSH_AT:
            self._flush(shard)

    def _flush(self, shard: str) -> None:
        pending = self._pending[shard]
        self._files[shard].write(pending)
        pending.clear()

    def _opened(self, place: Path) -> IO[bytes]:
        raw = self._open.enter_context(open(place, "xb", opener=owner_only))  # noqa: SIM115
        if self._compression == "zst":
            packed: IO[bytes] = zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False)
        elif self._compression == "gz":
            # No name and no time in the header: equal records give equal bytes.
            member = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
            packed = cast("IO[bytes]", member)
        else:
            return raw
        return self._open.enter_context(packed)


def write_recording(
    folder: str | Path, records: Iterable[Record], compression: Compression | None = None
) -> int:
    """Write ``records`` into ``folder`` as a recording; return their number."""
    count = 0
    with RecordingWriter(folder, compression) as writer:
        for record in records:
            writer.write(record)
            count += 1
    return count
