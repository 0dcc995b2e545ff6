"""YAML that people can read and compare. Pure.

Only forms of YAML that can't be misread are used: plain names, other texts as JSON strings, and
texts of several lines as literal blocks. Texts are printable ASCII.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_BLOCK: Final = re.compile(r"[!-~][ -~]*(?:\n[ -~]*)*\n[ -~]*[!-~]")
_INDENT: Final = "  "


def to_yaml(data: Any) -> str:
    """Format mappings (with text keys), sequences, texts, numbers, booleans and None as YAML."""
    return "".join(f"{line}\n" for line in _lines(data))


def _lines(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _entry(f"{_key(key)}:", value)
    elif isinstance(data, Sequence) and not isinstance(data, str) and data:
        for value in data:
            yield from _entry("-", value)
    else:
        yield json.dumps(data)


def _entry(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and _BLOCK.fullmatch(value):
        yield f"{head} |-"
        yield from _indented(value.split("\n"))
        return
    first, *more = _lines(value)
    nested = isinstance(value, (Mapping, Sequence)) and not isinstance(value, str) and value
    if nested and head != "-":
        yield head
        yield from _indented((first, *more))
    else:
        yield f"{head} {first}"
        yield from _indented(more)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" if line else line for line in lines)


def _key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else json.dumps(key)
