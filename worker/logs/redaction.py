"""What must not be seen: phone numbers, IP addresses, transcripts, credentials. Pure.

Log lines are written so that none of this reaches them; this is the second line of defence. It
errs on the side of hiding: what merely looks like a phone number is replaced too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from ipaddress import AddressValueError, IPv6Address
from math import isfinite
from typing import Any, Final

HIDDEN: Final = "***"
_DEEPEST: Final = 6

_PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+|%2B)[1-9](?:[ .()-]{0,2}\d){6,14}(?!\d)", re.IGNORECASE | re.ASCII
)
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4: Final = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)", re.ASCII)
_IPV6_CANDIDATE: Final = re.compile(
    r"(?<![\w:.])(?=[\da-f]*:)[\da-f:.]{3,45}(?<![.])(?![\w:])", re.IGNORECASE | re.ASCII
)
_SID: Final = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

_CONTENT: Final = re.compile(
    r".*transcript.*|utterance|.*prompt(_text)?|speech_?result|payload|body|data|text|raw"
    r"|caller|called|.*phone.*|(.*_)?ip|recording(_url)?",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"key|secret|token|password|credential", re.IGNORECASE)
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
"""How headers of a request look in the words of libraries, proxies and services. What follows one
in its line may belong to it, so mostly all of that is hidden.
"""
_SHORTEST: Final = 6
"""Of a credential that is looked for by its value; anything may be a shorter one."""


def redact_fields(fields: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
    """``fields`` made of plain JSON types only, nothing in them that must not be seen.

    Fields whose name says that they carry content (transcripts, payloads, numbers) are left out,
    bytes are told by their length, and what is nested deeper than 6 levels is cut off.
    """
    named = {str(key): value for key, value in fields.items()}
    return {
        redact_text(key): HIDDEN if _is_secret(key, value) else _redact(value, depth + 1)
        for key, value in named.items()
        if not _CONTENT.fullmatch(key)
    }


def _redact(value: object, depth: int) -> object:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return redact_fields(value, depth)
    if isinstance(value, Sequence | Set):
        return [_redact(item, depth + 1) for item in value]
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """``text`` with phone numbers as ``[phone]``, IP addresses as ``[ip]``, no credentials.

    Control characters, which could steer a terminal, become ``?``; newlines and tabs stay.
    """
    text = mask_credentials(_CONTROL.sub("?", text))
    text = _PHONE.sub("[phone]", text)
    text = _IPV6_CANDIDATE.sub(_ipv6, text) if ":" in text else text
    return _IPV4.sub("[ip]", text)


def mask_secrets(name: str, value: object) -> object:
    """``value`` of a setting of this name, with credentials replaced by ``***``.

    Text alone can be a credential: the dimensions of a metric named Tokens are none.
    """
    if isinstance(value, Mapping):
        return {key: mask_secrets(str(key), item) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    return HIDDEN if _is_secret(name, value) else _mask_addresses(value)


def identifies_someone(text: str) -> bool:
    """Whether ``text`` holds a Twilio id, a phone number or an IP address."""
    return _SID.search(text) is not None or redact_text(text) != text


def _is_secret(name: str, value: object) -> bool:
    """Numbers are counts of keys and tokens, not keys and tokens."""
    return _SECRET.search(name) is not None and not isinstance(value, int | float | None)


def mask_credentials(text: str, known: Iterable[str] = ()) -> str:
    """``text`` without what headers and addresses in it may tell, and without each of the ``known``
    credentials, which may have spaces and line breaks in them.
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


def _ipv6(match: re.Match[str]) -> str:
    text = match.group()
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return text
    return "[ip]" if int(address) else text
