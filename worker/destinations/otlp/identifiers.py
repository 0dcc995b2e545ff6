"""Identifiers of traces and spans: digests of their keys, so that repeats are recognised. Pure.

A later revision of a session has the same trace, and its spans that have not moved keep their
identifiers. A share of the traces is chosen by their identifiers, as in OpenTelemetry's consistent
probability sampling, so all revisions, and other programs that know the identifier, agree.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from worker.events.event import SessionKey

_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8
_RANDOM_BYTES: Final = 7
_THRESHOLDS: Final = 1 << (8 * _RANDOM_BYTES)


def trace_id_of(key: SessionKey) -> bytes:
    """Return the 16 bytes that identify the trace of a session."""
    return _digest(key.platform, key.account_sid, key.call_sid, key.session_id)[:_TRACE_BYTES]


def span_id_of(trace_id: bytes, name: str, start: int, nth: int) -> bytes:
    """Return the 8 bytes that identify the ``nth`` (from 0) of the spans of a trace with this name
    and start (epoch ms).
    """
    return _digest(trace_id.hex(), name, str(start), str(nth))[:_SPAN_BYTES]


def is_in_share(trace_id: bytes, share: float) -> bool:
    """Whether a trace is among the ``share`` (0 to 1) of all traces: by its last seven bytes."""
    return int.from_bytes(trace_id[-_RANDOM_BYTES:]) >= round((1 - share) * _THRESHOLDS)


def _digest(*parts: str) -> bytes:
    """Digest parts, separated by a byte that no text in UTF-8 has."""
    return sha256(b"\xff".join(part.encode("utf-8", "surrogatepass") for part in parts)).digest()
