"""Erasure: which sessions and lines are those of a call that an operator has had removed. Pure.

A call is named by its call SID, or one session of it by its session id. What stays of it is a
digest of that name, by which a redelivery is recognised: it is counted, and not folded.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from worker.errors import BadInput
from worker.events.event import SessionKey
from worker.partition.dead_letters import (
    OccurrenceLetter,
    SessionLetter,
    TraceLetter,
    decode_letter,
)
from worker.partition.delta import Delta

_DIGEST_BYTES: Final = 16
_SID: Final = re.compile(r"[A-Za-z0-9_:.-]{8,255}")


class Erasure(NamedTuple):
    """The removal of the sessions whose call SID or session id is ``sid``."""

    sid: str

    @property
    def digest(self) -> bytes:
        """What stays of the name: 16 bytes."""
        return _digest(self.sid)

    def covers(self, key: SessionKey) -> bool:
        """Whether the session of a key is removed."""
        return self.sid in (key.call_sid, key.session_id)

    def covers_record(self, line: bytes) -> bool:
        """Whether a line is a record of such a session. Of a line that is no record, such as one
        that a crash tore: whether it has the name anywhere.
        """
        if self.sid.encode() not in line:
            return False
        try:
            record = _RECORD.decode(line)
        except msgspec.DecodeError:
            return self._is_named_in(line)
        return self.sid in (record.call_sid, record.session_id)

    def covers_letter(self, line: bytes) -> bool:
        """Whether a line is a dead letter of such a session, or of bytes that have the name
        anywhere; of a line that is no dead letter, whether it has the name itself.
        """
        try:
            letter = decode_letter(line)
        except (msgspec.DecodeError, BadInput):
            return self._is_named_in(line)
        if isinstance(letter, OccurrenceLetter):
            return self._is_named_in(letter.data)
        if isinstance(letter, SessionLetter | TraceLetter):
            return self.sid in (letter.call_sid, letter.session_id)
        return False

    def without(self, state: Delta) -> tuple[Delta, int]:
        """A restored state without the sessions in memory that are removed, and how many those
        were. The digest is in it, and how many of them were still open is counted.
        """
        kept = [one for one in state.sessions if not self.covers(one.state.key)]
        removed = [one.state for one in state.sessions if self.covers(one.state.key)]
        counters = dict(state.counters)
        if still_open := sum(one.closed is None for one in removed):
            counters[OPEN_ERASED] = counters.get(OPEN_ERASED, 0) + still_open
        erased = list(dict.fromkeys([*state.erased, self.digest]))
        changes = {"sessions": kept, "counters": counters, "erased": erased}
        return msgspec.structs.replace(state, **changes), len(removed)

    def _is_named_in(self, data: bytes) -> bool:
        name = re.escape(self.sid.encode())
        return re.search(rb"(?<![A-Za-z0-9])%s(?![A-Za-z0-9])" % name, data) is not None


OPEN_ERASED: Final = "open_sessions_erased"
"""The counter of sessions that were removed before they had closed."""


def erasure_of(sid: str) -> Erasure:
    """The erasure of a call or session. Raises ``BadInput`` for what can't name one: a text so
    short that it may stand in lines about others.
    """
    if not _SID.fullmatch(sid):
        raise BadInput(f"{sid!r} is no call SID and no session id: 8 to 255 letters and digits")
    return Erasure(sid)


def is_erased(key: SessionKey, digests: Collection[bytes]) -> bool:
    """Whether the digest of a session's call SID or session id is among these."""
    return bool(digests) and not digests_of(key).isdisjoint(digests)


def digests_of(key: SessionKey) -> set[bytes]:
    """The digests by which a session may have been erased."""
    return {_digest(key.call_sid), _digest(key.session_id)}


def _digest(sid: str) -> bytes:
    return blake2b(sid.encode(), digest_size=_DIGEST_BYTES, person=b"erased").digest()


class _RecordNames(msgspec.Struct):
    call_sid: str
    session_id: str


_RECORD: Final = msgspec.json.Decoder(_RecordNames)
