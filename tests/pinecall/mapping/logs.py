"""Logs of calls, as Pinecall serves them, and what a mapping makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from worker.events.pinecall.cloud_event import PinecallEvent, encode_event
from worker.pinecall.mapping.call_log import CallMapping
from worker.pinecall.mapping.sdk_frames import FrameMapping
from worker.stream.record import Record
from worker.times.rfc3339 import parse_ms

DATA = Path(__file__).parent.parent.parent / "events" / "pinecall" / "data"
ACCOUNT, CALL = "org_example", "call_7c1e5a0f9b2d4c86"

Entry = dict[str, Any]


@cache
def pages() -> tuple[Entry, ...]:
    """The entries of one call, as its log's pages have them."""
    answers = json.loads((DATA / "call-log.json").read_text(encoding="utf-8"))
    return tuple(entry for one in answers for entry in (one["body"] or {}).get("entries", ()))


@cache
def streamed() -> tuple[Entry, ...]:
    """The entries of the same call, as its log is streamed: ephemeral ones, too."""
    lines = (DATA / "call.sse").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line[5:]) for line in lines if line.startswith("data:"))


def frames(name: str) -> Iterator[tuple[str, Any]]:
    """The frames of the older SDK in a file."""
    event = ""
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            yield event, json.loads(line[5:])


def mapped(entries: Iterable[Any], call: str = CALL) -> list[PinecallEvent]:
    """What a mapping makes of a call's entries."""
    mapping = CallMapping(ACCOUNT, call)
    return [event for entry in entries for event in mapping.read(entry)]


def mapped_frames(
    some: Iterable[tuple[str, Any]], arrivals: Iterator[int] | None = None
) -> list[PinecallEvent]:
    """What a mapping makes of frames, which arrive then (epoch ms), if that is known."""
    mapping = FrameMapping(ACCOUNT)
    return [
        event
        for name, data in some
        for event in mapping.read(name, data, None if arrivals is None else next(arrivals))
    ]


def records(events: Iterable[PinecallEvent]) -> list[Record]:
    """A record an event, each of which arrives a second after it."""
    return [
        Record(
            "shard-0",
            str(n),
            (parse_ms(event.time) or 0) + 1000,
            encode_event(event),
            event.subject,
        )
        for n, event in enumerate(events)
    ]
