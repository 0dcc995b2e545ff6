"""Files that hold what callers did and said: for their owner's eyes only. Shell."""

from __future__ import annotations

import os
from typing import Final

_MODE: Final = 0o600


def owner_only(path: str, flags: int) -> int:
    """What ``open`` takes as its ``opener``: a file that is made can be read by its owner alone,
    whatever the umask allows. One that is there already keeps its mode.
    """
    return os.open(path, flags, _MODE)
