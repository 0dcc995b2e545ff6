"""Makes text from events safe to show: nothing in it can steer a terminal, or reverse a line.

Control characters move cursors and set titles, bidirectional ones make a line read differently than
it is, and invisible ones make two texts look alike. Each is shown as its escape instead.
"""

from __future__ import annotations

import json
import re
from typing import Final

STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad"  # control characters but newline and tab, soft hyphen
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # bidirectional, invisible
    "\u2028\u2029\ud800-\udfff"  # ends of lines and paragraphs, halves of characters
    "\U000e0000-\U000e007f]"  # invisible tags
)
"""Characters that a terminal acts on or doesn't show."""

_IN_A_LINE: Final = re.compile(f"{STEERING.pattern[:-1]}\n\t]")


def escaped(text: str) -> str:
    r"""Return ``text`` with steering characters as ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``; newlines
    and tabs stay.
    """
    return STEERING.sub(_escape, text)


def escaped_line(text: str) -> str:
    r"""Return ``text`` escaped in one line: newlines and tabs, too, become ``\xNN``."""
    return _IN_A_LINE.sub(_escape, text)


def escaped_json(text: str) -> str:
    """Return the same JSON with steering characters as JSON escapes."""
    return STEERING.sub(lambda match: json.dumps(match.group())[1:-1], text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
