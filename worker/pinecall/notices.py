"""Notices of what happens in a bridge, as values for listeners. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.objectstore.retrying import CallFailed
from worker.pinecall.api import Failure


class Started(NamedTuple):
    """The checkpoint is acquired; so many calls in it are not finished."""

    stream: str
    unfinished: int


class RequestFailed(NamedTuple):
    """A request to Pinecall failed, for the ``attempt``-th time in a row, from 1; it is retried
    after ``wait_s``. ``of``: a call's id, or else what was requested, such as the list of calls.
    """

    of: str
    failure: Failure
    attempt: int
    wait_s: float


class ListRead(NamedTuple):
    """The list of calls was read to its end: ``calls`` of them, ``found`` of these new."""

    calls: int
    found: int


class EntriesRead(NamedTuple):
    """Entries of a log were read: their number."""

    number: int


class EntryDropped(NamedTuple):
    """An entry of a type that is not mapped was read for the first time in its call."""

    name: str


class FollowingLive(NamedTuple):
    """A call's log is followed as it grows."""

    call: str


class LogGap(NamedTuple):
    """A stream has left out entries. ``read``: whether they could be read by pages."""

    call: str
    read: bool


class Put(NamedTuple):
    """Records were put onto the stream, the oldest one ``delay`` ms after its event."""

    records: int
    delay: int


class PutFailed(NamedTuple):
    """The stream accepts no records; the same ones are put again after ``wait_s``."""

    error: str
    attempt: int
    wait_s: float


class RecordRefused(NamedTuple):
    """The stream rejects a record as invalid; it was left out."""

    call: str
    why: str


class CallFinished(NamedTuple):
    """A call was followed to its end. ``skipped``: why no event of it was put, as for a simulation;
    None for an ordinary call.
    """

    call: str
    skipped: str | None


class CallExpired(NamedTuple):
    """A call is too old for the stream; its events are in a recording at ``place``."""

    call: str
    place: str
    events: int


class CallGivenUp(NamedTuple):
    """A call's log can't be read to its end."""

    call: str
    why: str


class CheckpointCallFailed(NamedTuple):
    """A call to the checkpoint's bucket failed; it is retried."""

    failed: CallFailed


class Standing(NamedTuple):
    """The bridge's status, about once a second. ``listed``: when the list of calls was requested
    that was last read to its end, epoch ms, None before the first. ``followed``: calls whose logs
    are being read; ``waiting``: calls that wait to be followed. ``oldest_put``: the age (ms) of the
    oldest pending put. ``failing``: calls whose logs can't be read at present.
    """

    listed: int | None
    followed: int
    waiting: int
    oldest_put: int
    failing: int


BridgeNotice = (
    Started
    | RequestFailed
    | ListRead
    | EntriesRead
    | EntryDropped
    | FollowingLive
    | LogGap
    | Put
    | PutFailed
    | RecordRefused
    | CallFinished
    | CallExpired
    | CallGivenUp
    | CheckpointCallFailed
    | Standing
)

Listener = Callable[[BridgeNotice], object]
"""Receives notices: ``CheckpointCallFailed`` and ``RecordRefused`` from any thread, others from the
bridge's loop. A listener must neither block nor raise.
"""


def to_all(*listeners: Listener) -> Listener:
    """Combine listeners into one that calls them in order."""

    def notify(notice: BridgeNotice) -> None:
        for listener in listeners:
            listener(notice)

    return notify
