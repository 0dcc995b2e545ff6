"""Conversion of texts that a platform reports to dimension values. Pure.

A dimension value is printable ASCII, and is seen by more people than a session record. Two texts
that differ never silently become one value: a value that had to be changed ends with a digest of
its text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from worker.identifying import identifies_someone

OTHER: Final = "other"
"""The value of whatever has no value of its own: beyond the limits, or identifying someone."""

UNKNOWN: Final = "unknown"
"""The value where nothing is reported."""

_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_LONGEST: Final = 255
_DIGEST_BYTES: Final = 3
_DIGEST_LENGTH: Final = 1 + 2 * _DIGEST_BYTES
_WITH_DIGEST: Final = re.compile(r"~[0-9a-f]{6}\Z")


@lru_cache(maxsize=4096)  # decoding bounds the texts, which are mostly the same few
def dimension_value(text: str) -> str:
    """Return the dimension value of ``text``: printable ASCII, at most 255 characters, never empty.

    The value is ``OTHER`` if the text identifies someone. A text that isn't a valid value, or that
    could be taken for a changed one, ends with ``~`` and 6 hexadecimal digits of its digest.
    """
    if identifies_someone(text):
        return OTHER
    value = _UNPRINTABLE.sub("?", text).strip()
    if value == text and len(text) <= _LONGEST and text != OTHER and not _WITH_DIGEST.search(text):
        return value or UNKNOWN
    return with_digest(value, text, _LONGEST)


def with_digest(value: str, text: str, longest: int) -> str:
    """Return ``value`` with the digest of ``text``, shortened to at most ``longest`` characters."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    return f"{value[: longest - _DIGEST_LENGTH].rstrip()}~{digest.hexdigest()}"
