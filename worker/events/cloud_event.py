"""CloudEvents as JSON, of any platform: elements of a list, types, lenient decoding.

What msgspec refuses is decoded by ``json``, which accepts more and gives the same results.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import msgspec

from worker.errors import Unreadable

_LONGEST_INTEGER: Final = 400


class _Envelope(msgspec.Struct, gc=False):
    type: Any = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def is_list(data: bytes) -> bool:
    """Whether a user record is a list, perhaps of CloudEvents."""
    return not data.startswith(b"{") and data.lstrip().startswith(b"[")


def elements(data: bytes) -> list[bytes]:
    """Return the bytes of each element of a list. Raises ``Unreadable``, also for an empty list."""
    try:
        found = _LIST.decode(data.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(parse_failure(error)) from None
    if not found:
        raise Unreadable("an empty list")
    return [bytes(element) for element in found]


def type_of(text: str) -> str:
    """Return the type of a CloudEvent. Raises ``Unreadable`` if it has none, or isn't a
    CloudEvent.
    """
    kind = decode_text(text, _ENVELOPE).type
    if not isinstance(kind, str):
        raise Unreadable("type: not a string")
    return kind


def decode_text(text: str, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Decode JSON as the decoder's type. Raises ``Unreadable``."""
    try:
        text.encode()  # raises for half a surrogate pair
        return decoder.decode(text)
    except UnicodeEncodeError as error:
        raise Unreadable(parse_failure(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        return _second_reading(text, decoder.type, parse_failure(error))


def _second_reading(text: str, kind: Any, first_reason: str) -> Any:
    """Decode what msgspec refuses and JSON allows: a byte order mark, numbers beyond a double,
    escapes of half a surrogate pair. Any of these may occur in a field that isn't even used.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"), parse_int=_integer, parse_constant=_no_constant
        )
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.convert(json.loads(whole), kind)
    except (msgspec.ValidationError, ValueError, RecursionError):
        raise Unreadable(first_reason) from None


def _integer(digits: str) -> int | float:
    """Return an integer, or infinity for one too long for Python to convert: it is beyond any limit
    anyway.
    """
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("inf")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def parse_failure(error: Exception) -> str:
    """Return the reason why JSON could not be read."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, Unreadable):
        return str(error)
    return f"not JSON: {error}"
