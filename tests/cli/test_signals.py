"""A worker that is asked to stop ends in time, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.processes import LONGEST_S, ROOT, environment
from worker.errors import Unreachable

pytestmark = pytest.mark.slow

WAITING = """
import sys, threading, time
from worker.cli.signals import Signals, Stopped
from worker.errors import Unreachable
signals = Signals({shutdown_s})
{begun}
print("ready", flush=True)
try:
    {wait}
except Stopped:
    sys.exit(10)
except Unreachable:
    sys.exit(11)
"""
BEGUN = "signals.begun()"
TOLD = "exec('while signals.deadline() is None: time.sleep(0.01)')"


def ended(begun: str, wait: str, shutdown_s: float) -> tuple[int, float]:
    """The exit code, and the seconds from the first signal to the end."""
    program = WAITING.format(begun=begun, wait=wait, shutdown_s=shutdown_s)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        return process.wait(LONGEST_S), time.monotonic() - told


def test_before_anything_has_begun_a_wait_ends_at_once() -> None:
    assert ended("", "signals.sleep(600)", 600)[0] == 10


def test_a_wait_for_the_state_is_given_up_after_half_of_the_time() -> None:
    code, seconds = ended(BEGUN, "signals.sleep(600)", 4)
    assert code == 11
    assert seconds >= 2


def test_a_wait_that_is_over_sooner_is_no_reason_to_give_up() -> None:
    assert ended(BEGUN, "signals.sleep(0.5)", 600)[0] == 0


def test_whatever_hangs_is_ended_when_the_time_is_up() -> None:
    for hangs in ("threading.Lock().acquire(); threading.Event().wait()", "time.sleep(600)"):
        code, seconds = ended(BEGUN, hangs, 1)
        assert code == Unreachable.exit_code
        assert seconds >= 1


def test_a_second_signal_ends_it_at_once() -> None:
    wait = f"{TOLD}; print('told', flush=True); time.sleep(600)"
    program = WAITING.format(begun=BEGUN, wait=wait, shutdown_s=600)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in (b"ready\n", b"told\n"):  # two signals at once may be one
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST_S) == 130


def test_the_last_work_is_to_be_over_before_the_time_is_up() -> None:
    left = "assert signals.deadline() <= time.monotonic() + 7"
    assert ended(BEGUN, f"{TOLD}; {left}; signals.over()", 10)[0] == 0


def test_a_hangup_ends_nothing_where_no_terminal_hangs_up() -> None:
    program = WAITING.format(begun=BEGUN, wait="signals.sleep(1)", shutdown_s=600)
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.wait(LONGEST_S) == 0
