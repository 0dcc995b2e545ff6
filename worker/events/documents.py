"""User records that aren't one JSON document: several documents, or other encodings.

Firehose, log shippers and producers that save on requests write several JSON documents into one
record, one after another, with or without line breaks. Compressed data and UTF-16 are not read;
they are named, so that a dead letter says what to change in the producer.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from worker.errors import Unreadable

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_BYTE_ORDER_MARK: Final = "\ufeff"
_LONGEST_INTEGER: Final = 400

_COMPRESSED: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    *((bytes((0x78, flags)), "zlib") for flags in (0x01, 0x5E, 0x9C, 0xDA)),
)
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"[\x00", b"\x00{", b"\x00[")
"""The beginnings of UTF-16: a byte order mark, or JSON's first character."""


def documents(data: bytes, most: int) -> list[bytes]:
    """Return the bytes of each JSON document in ``data``; none if it isn't JSON throughout.

    Raises ``Unreadable`` for more than ``most`` documents.
    """
    try:
        text = data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        return []
    found: list[bytes] = []
    position = _next(text, 0)
    try:
        while position < len(text):
            if len(found) == most:
                raise Unreadable(f"JSON documents: more than {most}")
            _, end = _SCANNER.raw_decode(text, position)
            found.append(text[position:end].encode())
            position = _next(text, end)
    except (ValueError, RecursionError):
        return []
    return found


def wrapping(data: bytes) -> str | None:
    """Return why ``data`` isn't plain JSON in UTF-8 if it is compressed or UTF-16; None
    otherwise.
    """
    for magic, name in _COMPRESSED:
        if data.startswith(magic):
            return f"compressed ({name}): records are read as plain JSON only"
    if data.startswith(_UTF_16):
        return "UTF-16: records are read as UTF-8 only"
    return None


def _next(text: str, position: int) -> int:
    """Return where the next document begins, or the text ends."""
    match = _BLANK.match(text, position)
    return position if match is None else match.end()


def _integer(digits: str) -> int | float:
    """Return an integer, or infinity for one too long for Python to convert; only its end matters
    here.
    """
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("inf")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_SCANNER: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_no_constant)
