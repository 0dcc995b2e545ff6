"""Redaction of people's numbers and addresses, transcripts and credentials. Pure.

Log calls avoid such values in the first place; redaction is the second line of defence. It errs
on the side of hiding: a text that merely looks like a phone number is replaced, too. The operator's
own settings, such as the address to listen at, stay readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from math import isfinite
from typing import Any, Final

from worker.identifying import marked
from worker.printable import STEERING

HIDDEN: Final = "***"
_DEEPEST: Final = 6

_CONTENT: Final = re.compile(
    r".*transcript.*|utterance|.*prompt(_text)?|speech_?result|payload|body|data|text|raw"
    r"|caller|called|.*phone.*|(.*_)?ip|recording(_url)?",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"key|secret|token|password|credential", re.IGNORECASE)
_HEADERS: Final = re.compile(r".*headers", re.IGNORECASE)
"""Names of mappings of which any value may be a credential, whatever its name."""

_USER_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/?#\s@]+@")
_SECRET_IN_QUERY: Final = re.compile(
    r"([?&][^=&\s]*(?:key|secret|token|password|credential|signature)[^=&\s]*=)[^&\s]+",
    re.IGNORECASE,
)
_IN_HEADERS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), rf"\1{HIDDEN}")
    for pattern in (
        r"(AWS4-[\w-]+ ).+",
        r"(canonical string)[\s\S]+",
        r"(invalid header value ).+",
        r"\b((?:x-(?:amz|aws)-[\w-]*token|(?:proxy-)?authorization|(?:set-)?cookie)\b[\"']?\s*[:=]\s*).+",
        r"\b((?:credential|signature|aws_(?:access_key_id|secret_access_key|session_token))\s*=\s*)\S+",
        r"\b((?:basic|bearer)\s+)[\w+/=.~-]{8,}",
    )
)
"""The forms of request headers in texts of libraries, proxies and services. The rest of a line
after a header may belong to it, so mostly all of it is hidden.
"""
_SHORTEST: Final = 6
"""The least length of a credential that is searched by its value; shorter ones match anything."""


Own = re.Pattern[str] | None
"""The operator's own texts, which redaction leaves unchanged."""


def own_texts(values: Iterable[str]) -> Own:
    """The ``values``, such as an operator's settings, that redaction would take for someone's
    number or address.
    """
    own = sorted({value for value in values if marked(value) != value}, key=len, reverse=True)
    if not own:
        return None
    return re.compile(rf"(?<![\w.])({'|'.join(map(re.escape, own))})(?!\w|\.\w)")


def redact_fields(fields: Mapping[Any, object], own: Own = None) -> dict[str, object]:
    """``fields`` as plain JSON types, redacted.

    Fields with names for content (transcripts, payloads, numbers) are hidden, bytes are replaced
    by their length, and values nested deeper than 6 levels are cut off.
    """
    return _redact_fields(fields, own, 0)


def _redact_fields(fields: Mapping[Any, object], own: Own, depth: int) -> dict[str, object]:
    named = {str(key): value for key, value in fields.items()}
    return {
        redact_text(key): HIDDEN if _is_secret(key, value) else _redact(value, own, depth + 1)
        for key, value in named.items()
        if not _CONTENT.fullmatch(key)
    }


def _redact(value: object, own: Own, depth: int) -> object:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, str):
        return redact_text(value, own)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return _redact_fields(value, own, depth)
    if isinstance(value, Sequence | Set):
        return [_redact(item, own, depth + 1) for item in value]
    return redact_text(str(value), own)


def redact_text(text: str, own: Own = None) -> str:
    """``text`` without people's numbers and addresses (``identifying.marked``) and credentials.

    Control characters become ``?``, except newlines and tabs.
    """
    text = mask_credentials(STEERING.sub("?", text))
    if own is None:
        return marked(text)
    # Splitting by a pattern with one group makes every second piece a match.
    return "".join(piece if n % 2 else marked(piece) for n, piece in enumerate(own.split(text)))


def mask_secrets(name: str, value: object) -> object:
    """The ``value`` of a setting with this name, with credentials replaced by ``***``.

    Only text can be a credential: the dimensions of a metric named Tokens are not.
    """
    hidden = _HEADERS.fullmatch(name) is not None
    if isinstance(value, Mapping):
        return {key: HIDDEN if hidden else mask_secrets(str(key), v) for key, v in value.items()}
    if hidden and value is not None:
        return HIDDEN
    if not isinstance(value, str):
        return value
    return HIDDEN if _is_secret(name, value) else _mask_addresses(value)


def _is_secret(name: str, value: object) -> bool:
    """Whether a value is secret by its name; a number is a count of keys or tokens, not one."""
    return _SECRET.search(name) is not None and not isinstance(value, int | float | None)


def mask_credentials(text: str, known: Iterable[str] = ()) -> str:
    """``text`` without the credentials in headers and addresses, and without each of the ``known``
    credentials, which may contain spaces and line breaks.
    """
    for value in sorted({piece for one in known for piece in one.split()}, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    text = _mask_addresses(text)
    for pattern, shown in _IN_HEADERS:
        text = pattern.sub(shown, text)
    return text


def _mask_addresses(text: str) -> str:
    if "://" not in text and "=" not in text:
        return text
    text = _USER_IN_ADDRESS.sub(f"{HIDDEN}@", text)
    return _SECRET_IN_QUERY.sub(rf"\1{HIDDEN}", text)
