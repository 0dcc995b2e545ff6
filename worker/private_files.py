"""Creates files that hold what callers did and said, readable by their owner only. Shell."""

from __future__ import annotations

import os
from typing import Final

_MODE: Final = 0o600


def owner_only(path: str, flags: int) -> int:
    """An ``opener`` for ``open``: a file that it creates can be read by its owner only, whatever
    the umask allows. An existing file keeps its mode.
    """
    return os.open(path, flags, _MODE)
