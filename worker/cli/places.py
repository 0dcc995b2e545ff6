"""Session records from a place of any kind: records, a stream's recording, or a state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final, Literal, NamedTuple

from msgspec import DecodeError

from worker.cli.progress import Progress
from worker.cli.records_file import records_at, records_in
from worker.destinations.objects import RECORDS
from worker.destinations.written_lines import WrittenLine
from worker.errors import BadInput
from worker.fleet.layout_store import read_layout
from worker.opening import Locations
from worker.partition.commit_outputs import Outputs
from worker.recordings.reader import read_recording
from worker.replay import Replay, run_replay
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.settings.rules import rules_of

PlaceSource = Literal["records", "recording", "state"]

_SQLITE: Final = b"SQLite format 3\0"
_PROGRESS_EVERY: Final = 10_000


class PlacesRead(NamedTuple):
    """Each session's last record, and the kind of place that they came from. ``counters``: of
    the replay, if it is a recording.
    """

    source: PlaceSource
    records: list[SessionRecord]
    counters: Counter[str] | None = None


def read_places(places: Sequence[str], settings: Settings) -> PlacesRead:
    """Read the last revision of each session's record from several places.

    A recording is replayed with the worker's settings. Raises ``BadInput`` for a place that holds
    neither records, nor a recording, nor a state.
    """
    locations = Locations(settings.region, settings.endpoint_url)
    read = [_read(place, locations, settings) for place in places]
    last: dict[tuple[str | bool, ...], SessionRecord] = {}
    for record in (record for one in read for record in one.records):
        session = record.platform, record.account_sid, record.call_sid, record.session_id
        key = *session, record.continued
        if key not in last or last[key].revision <= record.revision:
            last[key] = record
    counted = [one.counters for one in read if one.counters is not None]
    whole = sum(counted, Counter()) if len(counted) == len(read) else None
    return PlacesRead(read[0].source, list(last.values()), whole)


def _read(place: str, locations: Locations, settings: Settings) -> PlacesRead:
    if locations.bucket(place) is not None:
        return _in_bucket(place, locations, settings)
    path = Path(place)
    if path.is_file():
        if _begins_with(path, _SQLITE):
            return PlacesRead("state", _of_state(locations, place, settings))
        lines = locations.lines(place, RECORDS)
        first = next(lines, None)
        if first is not None and _is_record(first):
            return PlacesRead("records", records_in(locations.lines(place, RECORDS), None))
    if read_layout(locations, place) is not None:
        return PlacesRead("state", _of_state(locations, place, settings))
    return _of_recording(place, settings)


def _in_bucket(place: str, locations: Locations, settings: Settings) -> PlacesRead:
    lines = locations.lines(place, RECORDS)
    first = list(islice(lines, 1))
    if not first:
        try:
            return PlacesRead("state", _of_state(locations, place, settings))
        except BadInput as error:
            raise BadInput(f"{place} holds neither session records nor a state") from error
    return PlacesRead("records", records_in((*first, *lines), None))


def _begins_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise BadInput(f"can't read {path}: {error.strerror}") from error


def _is_record(line: WrittenLine) -> bool:
    try:
        decode_record(line.data)
    except DecodeError:
        return False
    return True


def _of_state(locations: Locations, place: str, settings: Settings) -> list[SessionRecord]:
    return records_at(locations, place, None, settings.sequence_numbers)


def _of_recording(place: str, settings: Settings) -> PlacesRead:
    lines: dict[object, bytes] = {}

    def take(outputs: Outputs) -> None:
        for record in outputs.records:
            lines[record.key, record.continued] = record.line

    replay = Replay(rules_of(settings)._replace(timeline=True), take)
    run_replay(read_recording(place), replay, Progress("replayed", monotonic), _PROGRESS_EVERY)
    return PlacesRead("recording", list(map(decode_record, lines.values())), replay.counters)
