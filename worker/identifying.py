"""Finds what identifies someone in a text: numbers of phones, cards and accounts, addresses, ids.

It prefers false positives: whatever looks like a phone number counts as one. Times, versions,
sizes, and the numbers within AWS names (ARNs, shards, sequence numbers) don't.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_FREE: Final = r"(?<![\w.+-])"
"""Before a number: not a part of a word, of a decimal or of a name."""

_END: Final = r"(?![\w-]|[.:/]\w)"
"""After a number: the same, and not a part of an ARN or a path."""

_PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+|%2B)[1-9](?:[ .()-]{0,2}\d){6,14}(?!\d)"  # +1 (555) 123-4567
    rf"|{_FREE}(?:1[ .-]?)?(?:\(\d{{3}}\)[ .-]?|\d{{3}}[ .-])\d{{3}}[ .-]?\d{{4}}{_END}"
    rf"|{_FREE}00?[1-9](?:[ ()/-]{{0,2}}\d){{7,13}}{_END}"  # 0171 3920012, 0049 171 3920012
    rf"|{_FREE}[1-9]\d{{9,14}}{_END}",  # 15551234567
    re.IGNORECASE | re.ASCII,
)
_NUMBER: Final = re.compile(
    rf"{_FREE}\d{{4}}([ -])(?:\d{{4}}\1\d{{4}}\1\d{{1,7}}|\d{{6}}\1\d{{5}}){_END}"  # cards
    rf"|{_FREE}[1-9]\d{{15,18}}{_END}"
    rf"|{_FREE}\d{{3}}-\d{{2}}-\d{{4}}{_END}",  # social security
    re.ASCII,
)
_MAIL: Final = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4: Final = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)", re.ASCII)
_IPV6_CANDIDATE: Final = re.compile(
    r"(?<![\w:.])(?=[\da-f]*:)[\da-f:.]{3,45}(?<![.])(?![\w:])", re.IGNORECASE | re.ASCII
)
_SID: Final = re.compile(r"(?<![^\W_])[A-Z]{2}[0-9a-f]{32}(?![^\W_])", re.ASCII)
_QUERY: Final = re.compile(r"://[^\s?]*\?")
_SPEECH_LENGTH: Final = 64


def marked(text: str) -> str:
    """Return ``text`` with phone numbers as ``[phone]``, other numbers as ``[number]``, addresses
    as ``[mail]`` and ``[ip]``.
    """
    text = _MAIL.sub("[mail]", text) if "@" in text else text
    text = _IPV6_CANDIDATE.sub(_ipv6, text) if ":" in text else text
    text = _IPV4.sub("[ip]", text)
    return _PHONE.sub("[phone]", _NUMBER.sub("[number]", text))


def identifies_someone(text: str) -> bool:
    """Whether ``text`` contains a number or an address that ``marked`` finds, a Twilio id or a URL
    with a query, or is so long, with white space in it, that it may be somebody's words.
    """
    return (
        _SID.search(text) is not None
        or _QUERY.search(text) is not None
        or (len(text) > _SPEECH_LENGTH and any(map(str.isspace, text)))
        or marked(text) != text
    )


def _ipv6(match: re.Match[str]) -> str:
    text = match.group()
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return text
    return "[ip]" if int(address) else text
