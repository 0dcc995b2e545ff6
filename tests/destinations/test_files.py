"""Lines into files and onto standard output: whole entries, durable before they count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.outbox.outboxes import metrics
from worker.destinations.emf import EmfSink
from worker.destinations.files import LineSink
from worker.errors import Misconfigured, Unreachable
from worker.metrics.series import Series
from worker.outbox.entries import DeliveryOutcome

DONE = (DeliveryOutcome.APPLIED, "")


def test_entries_are_appended_and_in_the_file_before_they_count_as_applied(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"earlier\n")
    sink = LineSink(str(path))
    assert sink.send(b"a\nb\n") == DONE
    assert path.read_bytes() == b"earlier\na\nb\n"
    assert sink.send(b"c\n") == DONE
    assert path.read_bytes() == b"earlier\na\nb\nc\n"
    sink.close()


def test_a_line_torn_by_a_crash_spoils_no_line_after_it(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":')
    sink = LineSink(str(path))
    assert sink.send(b'{"n":2}\n{"n":3}\n') == DONE
    sink.close()
    assert path.read_bytes().splitlines() == [b'{"n":1}', b'{"n":', b'{"n":2}', b'{"n":3}']


@pytest.mark.parametrize("content", [b"", b"a\n"])
def test_to_open_a_whole_file_changes_nothing_in_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    LineSink(str(path)).close()
    assert path.read_bytes() == content


def test_a_file_that_was_moved_away_is_followed_by_a_new_one_at_its_path(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    sink = LineSink(str(path))
    assert sink.send(b"a\n") == DONE
    path.rename(tmp_path / "records.1")
    assert sink.send(b"b\n") == DONE
    path.rename(tmp_path / "records.2")
    path.write_bytes(b"made by another\n{torn")
    assert sink.send(b"c\n") == DONE
    path.unlink()
    assert sink.send(b"d\n") == DONE
    sink.close()
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {
        "records.1": b"a\n",
        "records.2": b"b\n",
        "records.jsonl": b"d\n",
    }


def test_where_no_file_can_be_made_any_more_the_entry_waits(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    sink = LineSink(str(folder / "records.jsonl"))
    (folder / "records.jsonl").unlink()
    folder.rename(tmp_path / "away")
    outcome, why = sink.send(b"a\n")
    assert outcome is DeliveryOutcome.NOT_APPLIED
    assert str(folder / "records.jsonl") in why
    (tmp_path / "away").rename(folder)
    assert sink.send(b"a\n") == DONE
    assert (folder / "records.jsonl").read_bytes() == b"a\n"


def test_a_file_a_day_has_the_date_in_its_name(tmp_path: Path) -> None:
    day = ["2026-10-02"]
    sink = LineSink(str(tmp_path / "records.jsonl"), lambda: day[0])
    assert sink.send(b"a\n") == DONE
    day[0] = "2026-10-03"
    assert sink.send(b"b\n") == DONE
    assert sink.send(b"c\n") == DONE
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == {
        "records-2026-10-02.jsonl": b"a\n",
        "records-2026-10-03.jsonl": b"b\nc\n",
    }


def test_a_file_is_its_owners_to_read_and_an_older_one_keeps_its_mode(tmp_path: Path) -> None:
    older = tmp_path / "older.jsonl"
    older.touch(mode=0o640)
    before = os.umask(0)
    try:
        for path in (older, tmp_path / "new.jsonl"):
            LineSink(str(path)).close()
    finally:
        os.umask(before)
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    assert modes["new.jsonl"] == 0o600
    assert modes["older.jsonl"] & 0o040


def test_lines_into_a_pipe_are_written_once_and_count_as_applied(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = LineSink(str(path))
    assert sink.send(b"a\n") == DONE
    sink.close()
    assert os.read(reading, 100) == b"a\n"
    os.close(reading)


def test_a_pipe_that_nobody_reads_any_more_ends_the_sending(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = LineSink(str(path))
    os.close(reading)
    with pytest.raises(Unreachable, match="nobody reads"):
        sink.send(b"a\n")


@pytest.mark.parametrize("name", [".", "missing/records.jsonl"])
def test_a_path_that_cannot_be_written_is_named_on_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(Misconfigured) as caught:
        LineSink(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_entry_to_be_written_again() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    outcome, error = LineSink("/dev/full").send(b"a\n")
    assert (outcome, error) == (DeliveryOutcome.AMBIGUOUS, "/dev/full: No space left on device")


def test_a_disk_that_fills_up_within_an_entry_spoils_no_line_of_the_repeated_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "records.jsonl"
    program = (
        "import resource, sys\n"
        "from worker.destinations.files import LineSink\n"
        "sink = LineSink(sys.argv[1])\n"
        "body = b'a' * 10_000 + b'\\n' + b'b' * 10_000 + b'\\n'\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, resource.RLIM_INFINITY))\n"
        "outcomes = [sink.send(body)[0].name, sink.send(body)[0].name]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, resource.RLIM_INFINITY))\n"
        "print(*outcomes, *(sink.send(body)[0].name for _ in '12'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["AMBIGUOUS", "AMBIGUOUS", "APPLIED", "APPLIED"]
    whole = [b"a" * 10_000, b"b" * 10_000]
    assert path.read_bytes().splitlines() == [whole[0], whole[1][:4_999], *whole, *whole]


def test_a_dash_is_standard_output_which_stays_open() -> None:
    program = (
        "from worker.destinations.files import LineSink\n"
        "sink = LineSink('-')\n"
        "sink.send(b'a\\n')\n"
        "sink.close()\n"
        "LineSink('-').send(b'b\\n')\n"
        "import os\n"
        "os._exit(0)  # nothing is left to be flushed\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"a\nb\n", b"")


def test_emf_goes_where_its_lines_go(tmp_path: Path) -> None:
    path = tmp_path / "emf.jsonl"
    lines = LineSink(str(path))
    (draft,) = metrics({(Series("Tokens", ()), 0): {1: 1}})
    assert EmfSink(lines, "Mine").send(draft.body) == DONE
    lines.close()
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line)["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Mine"


def test_entries_that_come_from_two_threads_at_once_are_written_one_after_the_other(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    entries = [(letter * 999 + b"\n") * 400 for letter in (b"a", b"b")]
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        sink = LineSink(str(pipe))
        for sent in [pool.submit(sink.send, one) for one in entries]:
            assert sent.result() == DONE
        sink.close()
        assert read.result() in (b"".join(entries), b"".join(reversed(entries)))
