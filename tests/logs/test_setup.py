from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import LONGEST_S
from worker.logs.pump import LogPump
from worker.logs.setup import LOG_LINE_BYTES, configure_logging, fitting_line

LONG_S = 30.0


@contextmanager
def _logging(level: str, form: str, stream: TextIO) -> Iterator[LogPump]:
    """Logging configured within, as in a process of its own, and as it was afterwards."""
    root = logging.getLogger()
    handlers, root_level = root.handlers[:], root.level
    root.handlers.clear()
    pump = configure_logging(level, form, stream)
    try:
        yield pump
    finally:
        pump.close(0)
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(root_level)
        structlog.reset_defaults()


def _lines(tmp_path: Path, write: Callable[[Any], None], level: str = "info") -> list[Any]:
    """What ``write``, given a logger, leaves in a log file, each line parsed."""
    path = tmp_path / "log"
    with path.open("w") as stream, _logging(level, "auto", stream) as pump:
        write(structlog.get_logger())
        pump.close(LONG_S)
        assert pump.dropped() == 0
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_fields(tmp_path: Path) -> None:
    (line,) = _lines(tmp_path, lambda log: log.info("shard ended", shard="s-1", records=3))
    assert list(line) == ["timestamp", "level", "event", "shard", "records"]
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {"level": "info", "event": "shard ended", "shard": "s-1", "records": 3}


def test_lines_below_the_level_are_not_written(tmp_path: Path) -> None:
    def write(log: Any) -> None:
        for level in ("debug", "info", "warning", "error"):
            getattr(log, level)(level)

    assert [line["event"] for line in _lines(tmp_path, write, "warning")] == ["warning", "error"]


def test_what_must_not_be_seen_is_not_in_the_log(tmp_path: Path) -> None:
    def write(log: Any) -> None:
        try:
            raise ValueError("no route to +15551234567 at 10.1.2.3")
        except ValueError:
            log.exception("failed for +15551234567", transcript="my pin is 1234", peer="10.1.2.3")

    (line,) = _lines(tmp_path, write)
    assert line["event"] == "failed for [phone]"
    assert line["peer"] == "[ip]"
    assert "no route to [phone] at [ip]" in line["exception"]
    assert "transcript" not in line


def test_logs_of_libraries_come_as_lines_of_ours_from_warning_up(tmp_path: Path) -> None:
    def write(_: Any) -> None:
        library = logging.getLogger("botocore.retries")
        library.info("not shown")
        library.warning("pool for %s is full", "10.0.0.1")
        library.warning("%d is a number", "x")
        library.log(35, "a level of its own")

    lines = _lines(tmp_path, write, "debug")
    assert [(line["logger"], line["level"], line["event"]) for line in lines] == [
        ("botocore.retries", "warning", "pool for [ip] is full"),
        ("botocore.retries", "warning", "%d is a number (its arguments do not fit)"),
        ("botocore.retries", "warning", "a level of its own"),
    ]


def test_warnings_of_the_interpreter_come_as_lines_of_ours(tmp_path: Path) -> None:
    def write(_: Any) -> None:
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        (line,) = _lines(tmp_path, write)
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "old way" in line["event"]


def test_configuring_twice_writes_each_line_once(tmp_path: Path) -> None:
    with (tmp_path / "first").open("w") as stream:
        configure_logging("info", "json", stream).close(LONG_S)
    lines = _lines(tmp_path, lambda _: logging.getLogger("urllib3").warning("once"))
    assert [line["event"] for line in lines] == ["once"]


class _Odd:
    def __str__(self) -> str:
        raise RuntimeError


def test_a_value_that_cannot_be_shown_does_not_raise(tmp_path: Path) -> None:
    (line,) = _lines(tmp_path, lambda log: log.info("odd", value=_Odd()))
    assert line == {"event": "a log line could not be written: RuntimeError"}


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "x" * 1_000_000},
        {"event": "é\x00\n" * 10_000, "level": "info"},
        {f"field {n}": "\x00" * 1_000 for n in range(100)},
        {"event": "deep", "many": ["x" * 100] * 10_000},
        {"x" * 100_000: 1, "event": "a long name"},
    ],
)
def test_a_line_stays_under_15_kb(tmp_path: Path, fields: dict[str, Any]) -> None:
    event = fields.get("event", "none")
    rest = {key: value for key, value in fields.items() if key not in {"event", "level"}}
    _lines(tmp_path, lambda log: log.info(event, **rest))
    assert len((tmp_path / "log").read_bytes()) <= LOG_LINE_BYTES < 15 * 1024


def test_a_cut_line_keeps_both_ends_and_says_that_it_was_cut(tmp_path: Path) -> None:
    (line,) = _lines(tmp_path, lambda log: log.info("begin " + "x" * 50_000 + " end", shard="s-1"))
    assert line["event"].startswith("begin x")
    assert line["event"].endswith("x end")
    assert "…[cut]…" in line["event"]
    assert line["shard"] == "s-1"


@given(st.dictionaries(st.text(max_size=50), st.text() | st.integers() | st.lists(st.floats())))
def test_whatever_fits_is_rendered_unchanged(fields: dict[str, object]) -> None:
    def render(given: dict[str, object]) -> str:
        return json.dumps(given)

    whole = render(fields)
    if len(whole) < LOG_LINE_BYTES:
        assert fitting_line(fields, render) == f"{whole}\n".encode()


def test_a_terminal_gets_pretty_lines_and_a_pipe_gets_json() -> None:
    leader, follower = pty.openpty()
    reader, writer = os.pipe()
    with os.fdopen(follower, "w") as terminal, os.fdopen(writer, "w") as pipe:
        for stream in (terminal, pipe):
            with _logging("info", "auto", stream) as pump:
                structlog.get_logger().info("shard ended", shard="s-1")
                pump.close(LONG_S)
        on_terminal = os.read(leader, 65_536).decode()
    with os.fdopen(reader) as end:
        assert json.loads(end.read())["shard"] == "s-1"
    os.close(leader)
    assert "\x1b[" in on_terminal
    assert "shard ended" in on_terminal
    assert "{" not in on_terminal


def test_a_pipe_that_nobody_reads_never_holds_the_worker_up() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe, _logging("info", "json", pipe) as pump:
        log = structlog.get_logger()
        for number in range(1_000):
            log.info("x" * 8_000, number=number)
        pump.close(0.05)
        given_up = pump.dropped()
        log.info("after the end")
        assert pump.dropped() == given_up + 1
        os.close(reader)  # lets the writing thread go
    assert 900 < given_up <= 1_000


PROGRAM = """
import sys, structlog
from worker.logs.setup import configure_logging
configure_logging("info", "json", sys.stderr)
for number in range(int(sys.argv[1])):
    structlog.get_logger().info("x" * 1000, number=number)
"""


@pytest.mark.slow
def test_a_program_ends_though_nobody_reads_its_log() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "1000"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert program.wait(timeout=LONGEST_S) == 0
    assert program.stderr is not None
    program.stderr.close()


@pytest.mark.slow
def test_a_program_that_ends_writes_its_last_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "50"],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=True,
    )
    assert [json.loads(line)["number"] for line in done.stderr.splitlines()] == list(range(50))
