"""The facts of this very process."""

from __future__ import annotations

import os
import platform
import sys

import pytest

from worker import __version__
from worker.telemetry.process import facts_of_this_process


def test_it_is_this_worker_since_then() -> None:
    facts = facts_of_this_process(5.5)()
    assert (facts.version, facts.started_s) == (__version__, 5.5)
    assert facts.python == platform.python_version()


def test_what_it_has_used_only_grows() -> None:
    ask = facts_of_this_process(0)
    before = ask().cpu_s
    sum(n * n for n in range(300_000))
    assert ask().cpu_s > before > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_each_open_file_counts() -> None:
    ask = facts_of_this_process(0)
    before = ask()
    assert before.open_files is not None
    assert before.resident is not None
    assert before.virtual is not None
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]
    try:
        assert ask().open_files == before.open_files + 3
    finally:
        for file in files:
            os.close(file)
    assert 1_000_000 < before.resident <= before.virtual
