"""Prometheus's own judgement of what we write for it: ``promtool``, of Debian's prometheus."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.processes import LONGEST_S

PROMTOOL: Final = shutil.which("promtool")


def promtool(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run it; a test that needs it is left out where there is none, and fails in CI."""
    if PROMTOOL is None:
        assert "CI" not in os.environ, "promtool is missing: install the package prometheus"
        pytest.skip("there is no promtool; the package prometheus has it")
    return subprocess.run(
        [PROMTOOL, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


def checked(*arguments: str | Path, stdin: str = "") -> str:
    """What it says, that must be no complaint."""
    done = promtool(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
