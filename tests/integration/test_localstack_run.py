"""What localstack/run.sh starts, and with which settings; its programs are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.processes import ROOT

STAND_IN: Final = """#!/usr/bin/env bash
case $* in
  *pinecall_server*) sleep 0.2; echo "http://127.0.0.1:$$"; exec sleep 60 ;;
  *"bridge pinecall"*)
    env >bridge.env
    [ ! -e "$VOICE_INSIGHTS_PINECALL_CHECKPOINT" ] || echo STALE=1 >>bridge.env
    touch "$VOICE_INSIGHTS_PINECALL_CHECKPOINT"
    mv bridge.env bridge.started
    [ ! -e broken ] || { echo "Traceback: it is broken"; exit 1; }
    exec sleep 60 ;;
  *"worker run"*) env >worker.env; until [ -e bridge.started ] && [ -e end ]; do sleep 0.05; done ;;
  *) exec sleep 60 ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    (tmp_path / "localstack").mkdir()
    shutil.copy(ROOT / "localstack" / "run.sh", tmp_path / "localstack")
    return tmp_path


def run(folder: Path, platform: str, until: str = "") -> dict[str, str]:
    """What the bridge had as its environment. ``until``: a text that has to be said before the
    worker ends.
    """
    for name in ("bridge.started", "end"):
        (folder / name).unlink(missing_ok=True)
    with subprocess.Popen(
        [folder / "localstack" / "run.sh"],
        env={"PATH": os.environ["PATH"], "PLATFORM": platform, "PORT": "8099"},
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as script:
        assert script.stderr is not None
        assert any(until in line for line in script.stderr)
        (folder / "end").touch()
        script.stderr.read()
    assert script.returncode == 0
    lines = (folder / "bridge.started").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.parametrize("platform", ["pinecall", "both"])
def test_the_health_port_is_the_workers_alone(folder: Path, platform: str) -> None:
    bridge = run(folder, platform)
    assert "VOICE_INSIGHTS_HEALTH_PORT" not in bridge
    assert "VOICE_INSIGHTS_HEALTH_PORT=8099" in (folder / "worker.env").read_text()


def test_each_run_reads_its_own_service_from_its_beginning(folder: Path) -> None:
    addresses = []
    for _ in range(2):
        bridge = run(folder, "pinecall")
        addresses.append(bridge["VOICE_INSIGHTS_PINECALL_URL"])
        assert (folder / ".localstack" / "pinecall-url").read_text().strip() == addresses[-1]
        assert "STALE" not in bridge
    assert addresses[0] != addresses[1]
    assert "" not in addresses


def test_what_ends_a_bridge_is_seen(folder: Path) -> None:
    (folder / "broken").touch()
    run(folder, "pinecall", until="bridge.log: Traceback: it is broken")
