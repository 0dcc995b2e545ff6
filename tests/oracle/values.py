"""What counts as a count, and what as an error's code."""

from __future__ import annotations

import re
from typing import Any

from tests.oracle.decoding import is_integer


def count_or_none(value: Any) -> int | None:
    """A count is an integer; that it isn't negative, nor beyond 2**53, is the program's reading."""
    return value if is_integer(value) and 0 <= value <= 2**53 else None


def error_code(value: Any) -> int | str | None:
    """Undefined but for integers: the program reads digits, and keeps other text."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"0|[1-9][0-9]{0,14}", value) else value
    return value if is_integer(value) else None
