"""Session records from lines, the last revision of each.

A session whose events went on after the worker had expired it has records of two kinds under one
key: those of the events before, and ``continued`` ones of the events after. The last revision of
each kind is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import DecodeError

from worker.destinations.written_lines import WrittenLine, lines_of_file
from worker.errors import BadInput
from worker.fleet.layout_store import bucket_views
from worker.opening import Locations
from worker.partition.commit_outputs import EvictedSession
from worker.partition.numbering import Numbering
from worker.partition.rules import SequenceNumbers
from worker.sessions.record import decode_record, to_record
from worker.sessions.resident_session import ResidentSession
from worker.sessions.schema import SessionRecord
from worker.state.view import StateView


def read_records(path: Path, sid: str | None = None) -> list[SessionRecord]:
    """Read the records in a file; with ``sid``, only those of that session or call.

    Raises ``BadInput`` for a file that can't be read or a line that is not a session record.
    """
    return records_in(lines_of_file(path), sid)


def records_in(lines: Iterable[WrittenLine], sid: str | None) -> list[SessionRecord]:
    """Decode the records in lines, each given with its file or object and its number there."""
    last: dict[tuple[str | bool, ...], SessionRecord] = {}
    for place, number, line in lines:
        if sid is not None and sid.encode() not in line:
            continue
        try:
            record = decode_record(line)
        except DecodeError as error:
            raise BadInput(f"{place}, line {number}: not a session record ({error})") from error
        session = record.platform, record.account_sid, record.call_sid, record.session_id
        key = *session, record.continued
        if sid in (None, record.call_sid, record.session_id) and (
            key not in last or last[key].revision <= record.revision
        ):
            last[key] = record
    return list(last.values())


def records_at(
    locations: Locations, place: str, sid: str | None, setting: SequenceNumbers
) -> list[SessionRecord]:
    """Build the records of the sessions in a single worker's state, or in those of a fleet's
    buckets; see ``records_of_state``. Raises ``BadInput`` if there is no state.
    """
    views = bucket_views(locations, place, sid)
    return [record for view in views for record in records_of_state(view, sid, setting)]


def records_of_state(
    state: StateView, sid: str | None, setting: SequenceNumbers
) -> list[SessionRecord]:
    """Build the records of a state's sessions by the worker's rules; with ``sid``, only those of
    that session or call.
    """
    found = state.find_sessions(sid)
    stream = Numbering(setting, found_sparse=state.found_sparse()).contiguous
    return [record_as_it_stands(one, contiguous=stream) for one in found]


def record_as_it_stands(one: EvictedSession, *, contiguous: bool) -> SessionRecord:
    """Build the record of a session as it stands. ``contiguous``: whether an absent sequence number
    of the stream is a missing event.
    """
    session = ResidentSession(one.state, one.log)
    return to_record(
        one.state, session.analysis(contiguous=one.state.is_contiguous(stream=contiguous))
    )
