"""``voice-insights forget``: remove a call from everything that the worker stores."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import click

from worker.cli.settings_options import some_settings_options
from worker.destinations.erasing import ErasedLines, lines_without
from worker.destinations.files import STDOUT
from worker.destinations.lines import RECORD_KIND
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.destinations.otlp.traces import TRACE_KIND
from worker.errors import Fenced
from worker.fleet.layout_store import buckets_with, read_layout
from worker.opening import Locations
from worker.outbox.entries import DEAD_LETTER_KIND, EntryKind
from worker.partition.erasure import Erasure, erasure_of
from worker.settings.model import Settings
from worker.settings.sources import load_settings
from worker.state.store import ErasedState

_ATTEMPTS: Final = 5

BEYOND_REACH: Final = (
    "the stream, and a fleet's keyed stream, which keep their records for their retention",
    "CloudWatch: samples, which carry no ids, and log lines",
    "traces that an OpenTelemetry receiver has stored",
    "states that were moved, into a fleet or back, which keep what they had until then: "
    "repeat this command with --state for each, or delete them",
    "Twilio's own data about the call",
    "recordings, and anything written to standard output",
    "old versions of objects, snapshots, backups, and other copies of the places named above",
    "reports and tables made from records, and records that others have copied",
    "dead letters that can't be searched: the SID is not found within compressed bytes",
)
"""Places that may hold data of a call and that the command can't reach."""


class _Forgotten(NamedTuple):
    """The removed data; None for lines on standard output, which can't be reached."""

    state: ErasedState
    records: ErasedLines | None
    dead_letters: ErasedLines | None


@click.command(no_args_is_help=True)
@click.argument("sid")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@some_settings_options("state", "records", "dead_letters", "region", "endpoint_url")
def forget(
    sid: str, *, yes: bool, as_json: bool, config_file: Path | None, **options: str | None
) -> None:
    """Remove the call or session SID (CA..., VX...) from everything that the worker stores.

    Removes it from the state (open and closed sessions, requests waiting to be sent), from
    session records and from dead letters, in files and in buckets, wherever the settings say that
    they are. Give the command the worker's settings, and repeat it with the place of any other
    file or bucket that records were once written to. Only a digest of SID is kept, so that an
    event of the call that is delivered again is counted as erased and not taken in.

    The command acquires the state as another worker would: a running worker ends with exit
    code 3, and its supervisor must start it again. Of a fleet it acquires the buckets that may have
    the call, for which each task that holds one ends. The command is safe to repeat; repeat it if
    its report says that a request may still be in flight. The report also names what the command
    can't reach.

    \b
    Examples:
      voice-insights forget CA0123456789abcdef0123456789abcdef
      voice-insights forget VX0123456789abcdef0123456789abcdef --state s3://my-bucket/state --yes
    """
    erasure = erasure_of(sid)
    settings = load_settings(options, os.environ, config_file).settings
    locations = Locations(settings.region, settings.endpoint_url)
    states = _states(locations, settings.state, sid)
    if not yes:
        click.echo(
            f"{sid} will be removed for good from the state {settings.state}, the records in "
            f"{settings.records} and the dead letters in {settings.dead_letters}.\n"
            "This acquires the state: a running worker ends with exit code 3, and its supervisor "
            "must start it again.",
            err=True,
        )
        click.confirm("Continue?", abort=True, err=True)
    # The state comes first: a worker that starts after that sends nothing of the call.
    state = _together([_from_state(locations, *one, erasure) for one in states])
    forgotten = _Forgotten(
        state,
        _from_records(locations, settings.records, erasure),
        locations.erase_lines(settings.dead_letters, DEAD_LETTERS, erasure.covers_letter),
    )
    if as_json:
        click.echo(_as_json(sid, settings, forgotten))
    else:
        click.echo("\n".join(_report(sid, settings, forgotten)))


def _states(locations: Locations, state: str, sid: str) -> list[tuple[str, str]]:
    """The location and the identity of each state that has the call, or may get it: of a fleet all
    buckets for a call, also those that have no state yet.
    """
    layout = read_layout(locations, state)
    if layout is None:
        return [(state, locations.view(state).taken().stream)]
    places = [
        (layout.location(state, one), layout.identity(one)) for one in buckets_with(layout, sid)
    ]
    return [(place, _owner(locations, place) or identity) for place, identity in places]


def _owner(locations: Locations, location: str) -> str | None:
    """Whose a state is, which changes when it is moved away; None if there is none."""
    return locations.view(location).taken().stream if locations.has_state(location) else None


def _together(erased: Sequence[ErasedState]) -> ErasedState:
    return ErasedState(
        sum(one.resident for one in erased),
        sum(one.closed for one in erased),
        sum(one.requests for one in erased),
        sum(one.maybe_sent for one in erased),
        all(one.cleared for one in erased),
    )


def _from_state(locations: Locations, location: str, stream: str, erasure: Erasure) -> ErasedState:
    """Remove the call from the state; retry if a worker that starts meanwhile acquires the state.

    Raises ``Fenced`` after ``_ATTEMPTS`` such attempts.
    """

    def edit(kind: EntryKind, body: bytes) -> bytes:
        if kind in (RECORD_KIND, TRACE_KIND):
            return lines_without(body, erasure.covers_record)
        if kind == DEAD_LETTER_KIND:
            return lines_without(body, erasure.covers_letter)
        return body

    for attempt in range(1, _ATTEMPTS + 1):
        store = locations.store(location, lambda _failed: None, time.sleep, random.random)
        with closing(store):
            try:
                store.acquire(stream)
                return store.erase(erasure, edit)
            except Fenced:
                if attempt == _ATTEMPTS:
                    raise
    raise AssertionError  # the last attempt returns or raises


def _from_records(locations: Locations, location: str, erasure: Erasure) -> ErasedLines | None:
    if location == STDOUT:
        return None
    return locations.erase_lines(location, RECORDS, erasure.covers_record)


def _report(sid: str, settings: Settings, forgotten: _Forgotten) -> Iterator[str]:
    state = forgotten.state
    yield f"{sid} is removed; only a digest of it is kept"
    yield (
        f"  state         {settings.state}: {state.resident:,} sessions in memory, "
        f"{state.closed:,} closed ones, {state.requests:,} waiting requests"
    )
    yield f"  records       {settings.records}: {_lines(forgotten.records)}"
    yield f"  dead letters  {settings.dead_letters}: {_lines(forgotten.dead_letters)}"
    for advice in _advice(state):
        yield f"  -> {advice}"
    yield "Not reached from here:"
    for place in BEYOND_REACH:
        yield f"  - {place}"


def _lines(erased: ErasedLines | None) -> str:
    if erased is None:
        return "standard output, which can't be reached"
    return f"{erased.lines:,} lines of {erased.places:,} files or objects"


def _advice(state: ErasedState) -> Iterator[str]:
    if state.maybe_sent:
        yield (
            f"{state.maybe_sent:,} requests that contained it may still be in flight: repeat this "
            "command in a few minutes"
        )
    if not state.cleared:
        yield (
            "its bytes are still in the state's file or bucket, though no worker reads them: in a "
            "file until this command is repeated, in a bucket until the worker's next sweep, about "
            "10 minutes"
        )


def _as_json(sid: str, settings: Settings, forgotten: _Forgotten) -> str:
    def lines(place: str, erased: ErasedLines | None) -> dict[str, object]:
        return {"place": place, **(erased._asdict() if erased else {"lines": None})}

    report = {
        "sid": sid,
        "state": {"place": settings.state, **forgotten.state._asdict()},
        "records": lines(settings.records, forgotten.records),
        "dead_letters": lines(settings.dead_letters, forgotten.dead_letters),
        "advice": list(_advice(forgotten.state)),
        "not_reached": BEYOND_REACH,
    }
    return json.dumps(report, indent=2, ensure_ascii=False)
