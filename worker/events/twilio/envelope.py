"""From the bytes of a user record to what it holds: CloudEvents, told apart and read.

A user record normally holds one CloudEvent as a JSON object; a list of them is accepted.
``data`` may be an object or a string that holds JSON.

This reading is the patient one: it takes whatever can be understood. Most records never come
here (``quick``). What msgspec refuses is read by ``json``, which takes more and gives no other
result.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

import msgspec

from worker.errors import Unreadable
from worker.events.occurrence import TYPE_LENGTH, Damaged, Ignored, Occurrence, SinkTest
from worker.events.twilio.payloads import CallEvent, Loose, to_event

GATEWAY_TYPE: Final = "com.twilio.voice.insights.call-event.gateway"
TEST_TYPE: Final = "com.twilio.eventstreams.test-event"
_LONGEST_INTEGER: Final = 400


class _Envelope(msgspec.Struct, gc=False):
    type: Any = None
    time: Any = None
    data: CallEvent | Loose = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_CALL_EVENT: Final = msgspec.json.Decoder(CallEvent)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


def is_list(data: bytes) -> bool:
    """Whether a user record is a list, of CloudEvents perhaps."""
    return not data.startswith(b"{") and data.lstrip().startswith(b"[")


def elements(data: bytes) -> list[bytes]:
    """The bytes of each element of a list. Raises ``Unreadable``, for an empty one, too."""
    try:
        found = _LIST.decode(data.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(_reason(error)) from None
    if not found:
        raise Unreadable("an empty list")
    return [bytes(element) for element in found]


def read_cloud_event(data: bytes, arrival: int) -> Occurrence:
    """The occurrence in the bytes of one CloudEvent.

    ``arrival`` in epoch milliseconds. Never raises: what can't be read is ``Damaged``.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return Damaged(_reason(error))
    if not data:
        return Damaged("empty")
    try:
        return _interpret(_decode(text, _ENVELOPE), arrival)
    except Unreadable as error:
        return Damaged(_reason(error))


def _interpret(envelope: _Envelope, arrival: int) -> Occurrence:
    kind = envelope.type
    if not isinstance(kind, str):
        raise Unreadable("type: no string")
    if kind == TEST_TYPE:
        return SinkTest(_test_id(envelope.data))
    if kind != GATEWAY_TYPE:
        return Ignored(kind[:TYPE_LENGTH])
    call = envelope.data
    if isinstance(call, str):
        try:
            call = _decode(_well_formed(call), _CALL_EVENT)
        except (Unreadable, UnicodeEncodeError) as error:
            raise Unreadable(f"data: a string that isn't JSON: {_reason(error)}") from None
    if not isinstance(call, CallEvent):
        raise Unreadable("data: no object")
    return to_event(call, envelope.time, arrival) or Ignored(kind)


def _well_formed(text: str) -> str:
    """The text itself. Raises ``UnicodeEncodeError`` for half a surrogate pair in it."""
    text.encode()
    return text


def _decode(text: str, decoder: msgspec.json.Decoder[Any]) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return _second_reading(text, decoder.type, _reason(error))


def _second_reading(text: str, kind: Any, first_reason: str) -> Any:
    """What msgspec refuses and JSON allows: a byte order mark, numbers beyond a double,
    escapes of half a surrogate pair. Any such thing may stand in a field that isn't even read.
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
    """Numbers too long for Python to turn into integers are beyond any bound anyway."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float("inf")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _test_id(data: object) -> str:
    if isinstance(data, str):
        try:
            data = _decode(_well_formed(data), _CALL_EVENT)
        except (Unreadable, UnicodeEncodeError):
            return ""
    test_id = data.test_id if isinstance(data, CallEvent) else None
    return test_id[:TYPE_LENGTH] if isinstance(test_id, str) else ""


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, Unreadable):
        return str(error)
    return f"not JSON: {error}"
