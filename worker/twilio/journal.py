"""The journal of an unfinished back-fill, in a hidden folder inside the recording's folder.

A call is stored whole or not at all, so a back-fill may be interrupted at any time, and the next
one reads the calls that are missing. When all are there, the recording replaces the journal
atomically.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from worker.errors import BadInput, Misconfigured
from worker.recordings.files import shard_of_file
from worker.recordings.unpacking import Compression
from worker.recordings.writer import RecordingWriter
from worker.twilio.merging import SHARD, Beginning, merged
from worker.twilio.report_rows import Contents, ReportedCallEvent, call_events, contents

_SID: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_FOLDER: Final = ".twilio"
_PLAN: Final = "plan.json"
_RECORDING: Final = "recording"


class JournalledRequest(msgspec.Struct, frozen=True):
    """The operator's request: some calls, or all that began in a span of epoch ms."""

    calls: list[str]
    since: int | None
    until: int | None
    edge: str


class _Plan(msgspec.Struct, frozen=True):
    request: JournalledRequest
    calls: list[str]


class Journal:
    """The calls read back into ``folder`` so far.

    Raises ``Misconfigured`` if the folder holds a recording or another request's journal, or
    can't be written to.
    """

    def __init__(self, folder: Path, request: JournalledRequest) -> None:
        self._folder = folder
        self._own = folder / _FOLDER
        self._request = request
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            names = [place.name for place in folder.iterdir()]
        except OSError as error:
            raise Misconfigured(f"{folder}: {error.strerror}") from error
        if any(shard_of_file(name) for name in names):
            raise Misconfigured(f"{folder}: already holds a recording; name another folder")
        self._plan = self._stored_plan()

    @property
    def calls(self) -> list[str] | None:
        """The SIDs of all calls to read; None until they are planned."""
        return None if self._plan is None else self._plan.calls

    def plan(self, calls: Sequence[str]) -> None:
        """Store the SIDs of the calls to read."""
        self._plan = _Plan(self._request, list(calls))
        self._write(self._own / _PLAN, msgspec.json.encode(self._plan))

    def has(self, call_sid: str) -> bool:
        """Whether a call has been read."""
        return self._place(call_sid).exists()

    def keep(self, call_sid: str, rows: Sequence[bytes]) -> None:
        """Store all rows of a call."""
        self._write(self._place(call_sid), msgspec.json.encode([msgspec.Raw(row) for row in rows]))

    def contents(self) -> Contents:
        """Counts over the events of all calls read so far."""
        each = [contents(self._rows(call_sid)) for call_sid in self._kept()]
        return Contents(*map(sum, zip(*each, strict=True))) if each else Contents(0, 0, 0)

    def oldest(self) -> int | None:
        """The time of the oldest event, in epoch ms; None if there is none."""
        return min((beginning.first for beginning in self._beginnings()), default=None)

    def finish(self, compression: Compression | None) -> int:
        """Replace the journal by the recording of all calls read; return its number of records."""
        made = self._own / _RECORDING
        shutil.rmtree(made, ignore_errors=True)
        count = 0
        with RecordingWriter(made, compression) as writer:
            writer.begin(SHARD)
            for record in merged(self._beginnings(), self._events):
                writer.write(record)
                count += 1
        for file in made.iterdir():
            file.replace(self._folder / file.name)
        shutil.rmtree(self._own)
        return count

    def _beginnings(self) -> list[Beginning]:
        return [
            Beginning(events[0].arrival, call_sid)
            for call_sid in self._kept()
            if (events := self._events(call_sid))
        ]

    def _events(self, call_sid: str) -> list[ReportedCallEvent]:
        return call_events(self._rows(call_sid))

    def _kept(self) -> list[str]:
        return [call_sid for call_sid in self.calls or () if self.has(call_sid)]

    def _rows(self, call_sid: str) -> list[bytes]:
        rows = msgspec.json.decode(self._place(call_sid).read_bytes(), type=list[msgspec.Raw])
        return [bytes(row) for row in rows]

    def _place(self, call_sid: str) -> Path:
        """The file of a call. Raises ``BadInput`` if the SID is malformed: an API's answer must
        not choose a path.
        """
        if not _SID.fullmatch(call_sid):
            raise BadInput(f"{call_sid!r}: not the SID of a call")
        return self._own / f"{call_sid}.rows"

    def _stored_plan(self) -> _Plan | None:
        try:
            plan = msgspec.json.decode((self._own / _PLAN).read_bytes(), type=_Plan)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise BadInput(f"{self._own} can't be read; delete it and start again") from error
        if plan.request != self._request:
            raise Misconfigured(
                f"{self._folder}: another back-fill was begun here; finish it, or delete "
                f"{self._own}"
            )
        return plan

    def _write(self, place: Path, data: bytes) -> None:
        """Write a file atomically."""
        half = place.with_suffix(".half")
        try:
            half.write_bytes(data)
            half.replace(place)
        except OSError as error:
            raise Misconfigured(f"{place}: {error.strerror}") from error
