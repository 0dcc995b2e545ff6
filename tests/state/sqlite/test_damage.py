"""The SQLite store after crashes, on a full disk, and with files that are damaged or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.processes import LONGEST_S
from tests.state.commits import (
    NOON,
    STREAM,
    bulky,
    change,
    commit,
    draft,
    evicted,
    execute,
    key,
    state_in,
    state_of,
    taken,
)
from worker.errors import CorruptState, Misconfigured
from worker.partition.delta import DELTA_VERSION, Delta, encode_delta
from worker.state.sqlite.file import FORMAT
from worker.state.sqlite.store import SqliteStore

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


# --- crashes

_DIES_IN_A_COMMIT: Final = """
import os, sys
from pathlib import Path
from tests.state.commits import *
from worker.state.sqlite.store import SqliteStore
class Dying(list):
    def __iter__(self):
        yield draft(2)
        os._exit(9)
store = SqliteStore(Path(sys.argv[1]))
store.acquire(STREAM)
store.append(commit(Delta(counters={"n": 1}), [draft(1)], [evicted(1)]))
store.append(commit(Delta(counters={"n": 1}), [], [evicted(2)])._replace(new_entries=Dying()))
"""

_COMMITS_FOR_EVER: Final = """
import sys
from itertools import count
from pathlib import Path
from tests.state.commits import *
from worker.state.sqlite.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.acquire(STREAM)
for n in count(1):
    store.append(commit(Delta(counters={"n": 1}), [draft(n)] * 3, [evicted(n)]))
    print(n, flush=True)
"""


def child(program: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def committed(path: Path) -> int:
    """How many commits there are, after a look at whether each is there as a whole."""
    with closing(SqliteStore(path)) as store:
        n = store.acquire(STREAM).counters.get("n", 0)
        per_commit = 1 if n == 1 else 3
        assert store.backlog().entries == n * per_commit
        assert set(store.load_sessions([key(i) for i in range(n + 5)])) == {
            key(i) for i in range(1, n + 1)
        }
    return n


def test_a_process_that_dies_within_a_commit_leaves_nothing_of_it(path: Path) -> None:
    with child(_DIES_IN_A_COMMIT, path) as dying:
        assert dying.wait(LONGEST_S) == 9
    assert committed(path) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lines", [2, 23, 80])
def test_a_process_killed_while_it_commits_leaves_whole_commits(path: Path, lines: int) -> None:
    with child(_COMMITS_FOR_EVER, path) as committing:
        assert committing.stdout is not None
        told = 0
        while told < lines:
            told = int(committing.stdout.readline())
        os.kill(committing.pid, signal.SIGKILL)
        rest = committing.stdout.read().split()
    last = int(rest[-1]) if rest else told
    assert committed(path) in (last, last + 1)


_RUNS_OUT_OF_ROOM: Final = """
import resource, signal, sys
from pathlib import Path
from tests.state.commits import *
from worker.state.sqlite.store import SqliteStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
waits = []
def sleep(seconds):
    waits.append(seconds)
    if len(waits) % 3 == 0:
        limit(hard)
def failed(call):
    print(call.operation, call.key, call.failure.kind, call.attempt)
limit(int(sys.argv[2]))
store = SqliteStore(Path(sys.argv[1]), observer=failed, sleep=sleep)
store.acquire(STREAM)
store.append(commit(Delta(counters={"n": 1}), [draft(1)], [evicted(1)]))
limit(1_000_000)
store.append(commit(bulky(2), [draft(2)] * 5, [evicted(2)]))
store.append(commit(Delta(counters={"n": 1})))
print("end", len(waits))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at_first", [1_000_000, 2_000])
def test_while_the_disk_is_full_a_commit_waits_and_is_then_made_once(
    path: Path, at_first: int
) -> None:
    with child(_RUNS_OUT_OF_ROOM, path, at_first) as full:
        told, _ = full.communicate()
    assert full.returncode == 0
    lines = told.splitlines()
    assert f"commit {path.name} no room 1" in lines
    assert f"commit {path.name} no room 3" in lines
    assert (f"take {path.name} no room 1" in lines) is (at_first == 2_000)
    assert state_in(path) == state_of(
        [Delta(counters={"n": 1}), bulky(2), Delta(counters={"n": 1})]
    )
    with closing(taken(path)) as store:
        assert store.backlog().entries == 6


# --- what can't be used or read


@pytest.mark.parametrize("name", [".", "missing/state.sqlite", "file/state.sqlite", "file"])
def test_a_path_that_can_hold_no_state_is_named_on_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"no database, but text that is long enough\n" * 99)
    with pytest.raises(Misconfigured) as caught:
        SqliteStore(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_bytes().startswith(b"no database")


def test_a_database_that_is_no_state_file_is_refused(path: Path) -> None:
    execute(path, "CREATE TABLE meta (something)")
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match="another program's") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def damaged(path: Path, commits: int, damage: Callable[[bytes], bytes], n: int) -> None:
    with closing(taken(path)) as store:
        for count in range(1, commits + 1):
            store.append(commit(Delta(counters={"n": count}), [draft(count)]))
        store.claim("metrics", 1)
    ((data,),) = execute(path, "SELECT data FROM deltas WHERE n = ?", n)
    execute(path, "UPDATE deltas SET data = ? WHERE n = ?", damage(data), n)


def snapshot(path: Path) -> list[list[Any]]:
    return [
        execute(path, f"SELECT * FROM {table}")
        for table in ("meta", "deltas", "closed_sessions", "outbox")
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-3],
        lambda data: b"\0" + data[1:],
        lambda data: encode_delta(Delta()),
        lambda data: compressed(b"\xc1"),
        lambda data: compressed(b"\x93\x01\x02"),
        lambda data: compressed(encode_delta(Delta(version=DELTA_VERSION + 1))),
    ],
)
def test_a_damaged_commit_is_named_with_the_last_good_one_and_nothing_is_changed(
    path: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged(path, 5, damage, 4)
    before = snapshot(path)
    with closing(SqliteStore(path)) as store, pytest.raises(CorruptState) as caught:
        store.acquire(STREAM)
    assert "commit 4 " in str(caught.value)
    assert "last good one is 3" in str(caught.value)
    assert str(path) in str(caught.value)
    assert snapshot(path) == before


def compressed(data: bytes) -> bytes:

    return bytes(zstandard.compress(data))


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(at: int, bit: int) -> None:
    made = [Delta(counters={"n": n}, sessions=[change(n, bytes(range(99)))]) for n in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        with closing(taken(path)) as store:
            for delta in made:
                store.append(commit(delta))
        ((data,),) = execute(path, "SELECT data FROM deltas WHERE n = 2")
        flipped = bytearray(data)
        flipped[at % len(data)] ^= 1 << bit
        execute(path, "UPDATE deltas SET data = ? WHERE n = 2", bytes(flipped))
        try:
            found = state_in(path)
        except CorruptState:
            return
        assert found == state_of(made)


def test_without_a_good_commit_none_is_named(path: Path) -> None:
    damaged(path, 2, lambda data: b"", 1)
    with closing(SqliteStore(path)) as store, pytest.raises(CorruptState, match="no good one"):
        store.acquire(STREAM)


def test_an_unknown_format_is_refused_and_nothing_is_changed(path: Path) -> None:
    taken(path).close()
    execute(path, "UPDATE meta SET value = ? WHERE name = 'format'", FORMAT + 1)
    before = snapshot(path)
    with closing(SqliteStore(path)) as store, pytest.raises(CorruptState, match=f"{FORMAT + 1}"):
        store.acquire(STREAM)
    assert snapshot(path) == before


def test_an_unknown_version_of_a_commit_is_named(path: Path) -> None:
    data = compressed(encode_delta(Delta(version=DELTA_VERSION + 1)))
    damaged(path, 2, lambda _: data, 2)
    unknown = f"version {DELTA_VERSION + 1}"
    with closing(SqliteStore(path)) as store, pytest.raises(CorruptState, match=unknown):
        store.acquire(STREAM)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"\0", ""),
        (lambda data: compressed(b""), "of version 0"),
        (lambda data: compressed(zstandard.decompress(data)[:-1]), "truncated"),
        (lambda data: compressed(b"\x02" + zstandard.decompress(data)[1:]), "of version 2, .* 1"),
    ],
)
def test_a_closed_session_that_can_not_be_read_is_named(
    path: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    with closing(taken(path)) as store:
        store.append(commit(away=[evicted(1), evicted(2)]))
        ((data,),) = execute(path, "SELECT data FROM closed_sessions WHERE session_id = 'VX1'")
        update = "UPDATE closed_sessions SET data = ? WHERE session_id = 'VX1'"
        execute(path, update, damage(data))
        with pytest.raises(CorruptState, match=f"VX1 can't be read .*{reason}"):
            store.load_sessions([key(1)])
        assert set(store.load_sessions([key(2)])) == {key(2)}


def test_a_file_damaged_while_in_use_is_corrupt_state(path: Path) -> None:
    with closing(taken(path)) as store:
        for n in range(50):
            store.append(commit(Delta(sessions=[change(n, os.urandom(3000))])))
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 2))
    with pytest.raises(CorruptState) as caught, closing(SqliteStore(path)) as store:
        store.acquire(STREAM)
    assert str(path) in str(caught.value)


def test_a_person_can_query_the_file(path: Path) -> None:
    with closing(taken(path)) as store:
        store.append(commit(new_entries=[draft(1)], away=[evicted(3, NOON)]))
        rows = execute(path, "SELECT session_id, closed_at, revision FROM closed_sessions")
        assert rows == [("VX3", NOON, 1)]
        assert execute(path, "SELECT kind, state FROM outbox") == [("metrics", "PENDING")]
