"""Erasure: recognises the sessions and lines of a call that an operator has had removed. Pure.

A call is named by its call SID; a single session of it by its session id. Only a digest of that
name is kept, by which redelivered events are recognised: they are counted, and not folded.
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
        """The 16-byte digest that is kept of the name."""
        return _digest(self.sid)

    def covers(self, key: SessionKey) -> bool:
        """Whether the session with this key is to be removed."""
        return self.sid in (key.call_sid, key.session_id)

    def covers_record(self, line: bytes) -> bool:
        """Whether a line is the record of such a session. A line that isn't a record, such as one
        that a crash tore, is covered if the name appears anywhere in it.
        """
        if self.sid.encode() not in line:
            return False
        try:
            record = _RECORD.decode(line)
        except msgspec.DecodeError:
            return self._is_named_in(line)
        return self.sid in (record.call_sid, record.session_id)

    def covers_letter(self, line: bytes) -> bool:
        """Whether a line is a dead letter of such a session, or of bytes in which the name appears
        anywhere. A line that isn't a dead letter is covered if the name appears in it.
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
        """Return a restored state without the resident sessions to be removed, and their number.
        The new state holds the digest, and counts those sessions that were still open.
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
"""The counter of sessions that were erased before they closed."""


def erasure_of(sid: str) -> Erasure:
    """Return the erasure of a call or session. Raises ``BadInput`` for a text that can't name one,
    such as a text so short that it may appear in lines about others.
    """
    if not _SID.fullmatch(sid):
        raise BadInput(
            f"{sid!r} is neither a call SID nor a session id: 8 to 255 letters and digits"
        )
    return Erasure(sid)


def is_erased(key: SessionKey, digests: Collection[bytes]) -> bool:
    """Whether the digest of a session's call SID or session id is among ``digests``."""
    return bool(digests) and not digests_of(key).isdisjoint(digests)


def digests_of(key: SessionKey) -> set[bytes]:
    """Return the digests by which a session may have been erased."""
    return {_digest(key.call_sid), _digest(key.session_id)}


def _digest(sid: str) -> bytes:
    return blake2b(sid.encode(), digest_size=_DIGEST_BYTES, person=b"erased").digest()


class _RecordNames(msgspec.Struct):
    call_sid: str
    session_id: str


_RECORD: Final = msgspec.json.Decoder(_RecordNames)
