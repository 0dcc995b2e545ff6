"""How many cores the worker may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.intake.cores import cores, worth_a_process


def test_a_container_has_its_share_where_that_is_less(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("25000 100000\n", encoding="ascii")
    assert cores(quota) == 0.25
    quota.write_text("100000000 100000\n", encoding="ascii")
    assert cores(quota) <= (os.cpu_count() or 1)


@pytest.mark.parametrize("text", ["max 100000\n", "", "1 0\n", "odd\n"])
def test_without_a_quota_it_is_what_the_system_gives(tmp_path: Path, text: str) -> None:
    quota = tmp_path / "cpu.max"
    assert cores(quota) >= 1
    everything = cores(quota)
    quota.write_text(text, encoding="ascii")
    assert cores(quota) == everything


def test_of_itself_only_a_large_stream_is_read_apart_and_only_on_two_cores() -> None:
    assert worth_a_process("auto", 16, 2.0)
    assert not worth_a_process("auto", 15, 64.0)
    assert not worth_a_process("auto", 1000, 1.9)
    assert worth_a_process("on", 1, 0.25)
    assert not worth_a_process("off", 1000, 64.0)
