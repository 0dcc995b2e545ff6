"""Session records for readers who shall not learn who called. Pure."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from worker.identifying import identifies_someone
from worker.metrics.dimension_values import OTHER
from worker.sessions.schema import SessionRecord

_SID_DIGITS: Final = 12
_REMEMBERED: Final = 10_000


def redacted(record: SessionRecord) -> SessionRecord:
    """Return the record without account and call ids and error messages, with a digest instead of
    the session's id, and with ``other`` for every text that may identify someone.
    """
    named = replace(
        record,
        account_sid="",
        call_sid="",
        session_id="",
        errors=[replace(error, message="") for error in record.errors],
    )
    masked = msgspec.convert(_masked(msgspec.to_builtins(named)), SessionRecord)
    digest = sha256(record.session_id.encode()).hexdigest()[:_SID_DIGITS]
    return replace(masked, session_id=digest)


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, one in value.items():
            shown, masked = _text(name), _masked(one)
            if shown in found and isinstance(masked, int):  # counts by a name that is hidden
                masked += found[shown]
            found[shown] = masked
        return found
    return [_masked(one) for one in value] if isinstance(value, list) else value


@lru_cache(_REMEMBERED)
def _text(text: str) -> str:
    return OTHER if identifies_someone(text) else text
