"""The progress of the bridge in each call, and how it is stored. Pure.

A call's mapping is a function of its log, so a bridge that starts again reads the log from its
beginning and puts only events beyond the last number put, under the same ids as before.
"""

from __future__ import annotations

from typing import Final

import msgspec

from worker.errors import CorruptState, Misconfigured

VERSION: Final = 1


class CallProgress(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The progress in one call. ``started``: epoch ms, 0 if unknown. ``read``: the sequence number
    of the last log entry whose events are on the stream; ``put``: the number of the last event put,
    None before the first. ``sure``: whether all events up to ``put`` are on the stream; False from
    the first gap of the log that could not be read. ``finished``: no more events follow.
    """

    started: int = 0
    read: int = 0
    put: int | None = None
    sure: bool = True
    finished: bool = False


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``source``: the interface and the account that the calls belong to. ``epoch``: how many
    bridges have acquired the checkpoint, one after another. ``listed``: when the list of calls was
    requested that was last read to its end, epoch ms; None before the first.
    """

    version: int
    source: str
    epoch: int
    listed: int | None
    calls: dict[str, CallProgress]


class ProgressBook:
    """The progress in all calls that the list may still name. ``changed``: whether the book has
    changes that are not stored yet.
    """

    def __init__(self, stored: Checkpoint) -> None:
        self._source = stored.source
        self._epoch = stored.epoch
        self._calls = dict(stored.calls)
        self.listed = stored.listed
        self.changed = False

    def __getitem__(self, call: str) -> CallProgress:
        return self._calls[call]

    def unfinished(self) -> list[str]:
        """Return the calls that are not finished, by their start."""
        found = [(one.started, call) for call, one in self._calls.items() if not one.finished]
        return [call for _, call in sorted(found)]

    def find(self, call: str, started: int) -> bool:
        """Note a call; return whether it is new. ``started``: epoch ms, 0 if unknown."""
        known = self._calls.get(call)
        if known is None:
            self._set(call, CallProgress(started))
        elif not known.started and started:
            self._set(call, msgspec.structs.replace(known, started=started))
        return known is None

    def advance(self, call: str, read: int, put: int | None) -> None:
        """Note that all events up to this entry, and up to this number, are on the stream. Calls
        that the book has forgotten meanwhile are ignored.
        """
        known = self._calls.get(call)
        if known is None:
            return
        number = put if known.sure and put is not None else known.put
        if (known.read, known.put) != (read, number):
            self._set(call, msgspec.structs.replace(known, read=read, put=number))

    def doubt(self, call: str) -> None:
        """Note that entries of the log could not be read. A later reading may find them, so the
        next bridge puts all later events of the call again.
        """
        self._set(call, msgspec.structs.replace(self._calls[call], sure=False))

    def finish(self, call: str) -> None:
        """Note that no more events follow of a call."""
        self._set(call, msgspec.structs.replace(self._calls[call], finished=True))

    def list_read(self, asked: int, horizon: int) -> None:
        """Note that the list of calls was read to its end, back to those that began at ``horizon``,
        and forget finished calls that began earlier. Times in epoch ms.
        """
        self.listed = asked
        self._calls = {
            call: one
            for call, one in self._calls.items()
            if not one.finished or one.started >= horizon
        }
        self.changed = True

    def stored(self) -> Checkpoint:
        """Return the checkpoint to store, and count all changes as stored."""
        self.changed = False
        return Checkpoint(VERSION, self._source, self._epoch, self.listed, dict(self._calls))

    def _set(self, call: str, progress: CallProgress) -> None:
        self._calls[call] = progress
        self.changed = True


def claimed(source: str, data: bytes | None, place: str) -> bytes:
    """Return what a bridge stores at once as it acquires a checkpoint: the stored one, in a new
    epoch.

    Raises ``CorruptState`` if the stored one can't be decoded, ``Misconfigured`` if it is another
    source's.
    """
    if data is None:
        return encode_checkpoint(Checkpoint(VERSION, source, 1, None, {}))
    found = decode_checkpoint(data, place)
    if found.source != source:
        raise Misconfigured(
            f"the checkpoint is of {found.source}, not of {source}: name another one "
            "(pinecall_checkpoint), or take this one away to start over"
        )
    return encode_checkpoint(msgspec.structs.replace(found, epoch=found.epoch + 1))


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Encode the checkpoint as the bytes to store."""
    return msgspec.json.encode(checkpoint, order="deterministic")


def decode_checkpoint(data: bytes, place: str) -> Checkpoint:
    """Decode the bytes stored at ``place``. Raises ``CorruptState`` if that is impossible."""
    try:
        found = msgspec.json.decode(data, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptState(f"{place}: no checkpoint of a bridge: {error}") from error
    if found.version != VERSION:
        raise CorruptState(f"{place}: version {found.version}, this release reads {VERSION}")
    return found
