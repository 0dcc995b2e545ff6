"""Notices of what happens in a bridge, as values for listeners. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.objectstore.retrying import CallFailed
from worker.pinecall.api import Failure


class Started(NamedTuple):
    """The checkpoint was taken; so many calls in it are not at their end."""

    stream: str
    unfinished: int


class RequestFailed(NamedTuple):
    """A request to Pinecall that will be made again after ``wait_s``; the ``attempt``-th in a row,
    from 1. ``of``: a call's id, or what else was asked for.
    """

    of: str
    failure: Failure
    attempt: int
    wait_s: float


class ListRead(NamedTuple):
    """The list of calls was read to its end: so many calls, ``found`` of them new."""

    calls: int
    found: int


class EntriesRead(NamedTuple):
    """So many entries of logs were read."""

    number: int


class EntryDropped(NamedTuple):
    """An entry of a type that is not mapped was read for the first time in its call."""

    name: str


class FollowingLive(NamedTuple):
    """A call's log is followed as it grows."""

    call: str


class LogGap(NamedTuple):
    """A stream has left entries out. ``read``: whether they could be read by pages."""

    call: str
    read: bool


class Put(NamedTuple):
    """So many records are on the stream, the oldest ``delay`` ms after what it describes."""

    records: int
    delay: int


class PutFailed(NamedTuple):
    """The stream takes nothing; the same records are put again after ``wait_s``."""

    error: str
    attempt: int
    wait_s: float


class RecordRefused(NamedTuple):
    """The stream calls a record invalid; it was left out."""

    call: str
    why: str


class CallFinished(NamedTuple):
    """A call was followed to its end. ``skipped``: why nothing of it was put, as for a simulation;
    None for a call like others.
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
    """A call to the checkpoint's bucket failed; it is made again."""

    failed: CallFailed


class Standing(NamedTuple):
    """How the bridge stands, about once a second. ``listed``: when the list of calls last read to
    its end was asked for, epoch ms, None before the first. ``followed``: calls whose logs are read
    now; ``waiting``: those that wait for their turn. ``oldest_put``: for how long the oldest
    records on their way have waited, ms. ``failing``: calls whose logs can't be read just now.
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
"""Takes notices: most from the bridge's loop, ``CheckpointCallFailed`` and ``RecordRefused`` from
any thread. It must neither block nor raise.
"""


def to_all(*listeners: Listener) -> Listener:
    """One listener for all of them, in their order."""

    def notify(notice: BridgeNotice) -> None:
        for listener in listeners:
            listener(notice)

    return notify
