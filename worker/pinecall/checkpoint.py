"""How far the bridge has come with each call, and how that is stored. Pure.

A call's mapping is a function of its log, so a bridge that starts again reads the log from its
beginning and puts only what lies beyond the last number put: under the same ids as before.
"""

from __future__ import annotations

from typing import Final

import msgspec

from worker.errors import CorruptState, Misconfigured

VERSION: Final = 1


class CallProgress(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One call. ``started``: epoch ms, 0 if it isn't known. ``read``: the sequence number of the
    last entry of its log whose events are on the stream; ``put``: the number of the last event put,
    None before the first. ``sure``: whether all events up to there were put; False from the
    first gap of the log that could not be read. ``finished``: nothing more is to come.
    """

    started: int = 0
    read: int = 0
    put: int | None = None
    sure: bool = True
    finished: bool = False


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``source``: the interface and the account that the calls are of. ``epoch``: how many bridges
    have taken it, one after another. ``listed``: when the list of calls that was last read to its
    end was asked for, epoch ms; None before the first.
    """

    version: int
    source: str
    epoch: int
    listed: int | None
    calls: dict[str, CallProgress]


class ProgressBook:
    """The progress of all calls that the list may still name. ``changed``: whether it holds what
    was not stored yet.
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
        """Calls that are not at their end, those that began first before the others."""
        found = [(one.started, call) for call, one in self._calls.items() if not one.finished]
        return [call for _, call in sorted(found)]

    def find(self, call: str, started: int) -> bool:
        """Note a call; whether it is new. ``started``: epoch ms, 0 if it isn't known."""
        known = self._calls.get(call)
        if known is None:
            self._set(call, CallProgress(started))
        elif not known.started and started:
            self._set(call, msgspec.structs.replace(known, started=started))
        return known is None

    def advance(self, call: str, read: int, put: int | None) -> None:
        """All events up to this entry, and up to this number, are on the stream. Of a call that
        is forgotten meanwhile nothing is noted.
        """
        known = self._calls.get(call)
        if known is None:
            return
        number = put if known.sure and put is not None else known.put
        if (known.read, known.put) != (read, number):
            self._set(call, msgspec.structs.replace(known, read=read, put=number))

    def doubt(self, call: str) -> None:
        """Entries of the log could not be read: a later reading may find them, so whatever comes
        after them will be put again by the next bridge.
        """
        self._set(call, msgspec.structs.replace(self._calls[call], sure=False))

    def finish(self, call: str) -> None:
        """Nothing more is to come of a call."""
        self._set(call, msgspec.structs.replace(self._calls[call], finished=True))

    def list_read(self, asked: int, horizon: int) -> None:
        """The list of calls was read to its end, back to those that began at ``horizon``; times in
        epoch ms. Finished calls that began before are forgotten.
        """
        self.listed = asked
        self._calls = {
            call: one
            for call, one in self._calls.items()
            if not one.finished or one.started >= horizon
        }
        self.changed = True

    def stored(self) -> Checkpoint:
        """What to store; until it changes again there is nothing more to."""
        self.changed = False
        return Checkpoint(VERSION, self._source, self._epoch, self.listed, dict(self._calls))

    def _set(self, call: str, progress: CallProgress) -> None:
        self._calls[call] = progress
        self.changed = True


def claimed(source: str, data: bytes | None, place: str) -> bytes:
    """What a bridge that takes a checkpoint stores at once: what was stored, in its own epoch.

    Raises ``CorruptState`` if that can't be read back, ``Misconfigured`` if it is another source's.
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
    """The bytes to store."""
    return msgspec.json.encode(checkpoint, order="deterministic")


def decode_checkpoint(data: bytes, place: str) -> Checkpoint:
    """What was stored at ``place``. Raises ``CorruptState`` if it can't be read back."""
    try:
        found = msgspec.json.decode(data, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptState(f"{place}: no checkpoint of a bridge: {error}") from error
    if found.version != VERSION:
        raise CorruptState(f"{place}: version {found.version}, this release reads {VERSION}")
    return found
