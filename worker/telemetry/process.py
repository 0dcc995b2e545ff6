"""This process's facts from the operating system, and its version. Shell.

Without ``/proc``, the facts that only it has are None.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker import __version__
from worker.telemetry.facts import ProcessFacts

_SELF: Final = Path("/proc/self")


def facts_of_this_process(started_s: float) -> Callable[[], ProcessFacts]:
    """Return a function that reads the facts of this process, which began at ``started_s``."""

    def ask() -> ProcessFacts:
        used = resource.getrusage(resource.RUSAGE_SELF)
        virtual, resident = _memory()
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return ProcessFacts(
            version=__version__,
            python=platform.python_version(),
            started_s=started_s,
            cpu_s=used.ru_utime + used.ru_stime,
            resident=resident,
            virtual=virtual,
            open_files=_open_files(),
            most_files=None if most == resource.RLIM_INFINITY else most,
        )

    return ask


def _memory() -> tuple[int | None, int | None]:
    try:
        virtual, resident = (_SELF / "statm").read_text(encoding="ascii").split()[:2]
    except OSError:
        return None, None
    page = resource.getpagesize()
    return int(virtual) * page, int(resident) * page


def _open_files() -> int | None:
    try:
        return len(os.listdir(_SELF / "fd"))  # noqa: PTH208
    except OSError:
        return None
