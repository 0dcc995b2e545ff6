"""``kill -9`` over and over during one run, with either store: nothing is lost or counted twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from tests.cli.test_run import calls
from tests.live import (
    Aws,
    Live,
    beyond,
    bounds,
    but_for_the_close,
    last_revisions,
    replayed,
    working,
)
from tests.s3_live import Kept, working_in
from worker.emit.ledger import Note
from worker.emit.objects import DEAD_LETTERS, RECORDS
from worker.partition.partition import ACCOUNTED
from worker.state.sqlite_reading import notes_since
from worker.testing.moto_server import embedded_aws
from worker.testing.traffic import simulate

pytestmark = pytest.mark.slow

SESSIONS = 15
LONGEST_S = 0.8
"""How long a worker goes on at most once it has taken the state."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_aws() as url:
        yield url


class Kit(NamedTuple):
    """A way to run a worker, and what there is of its doing in the end."""

    start: Callable[..., AbstractContextManager[Live]]
    records: Callable[[], bytes]
    letters: Callable[[], bytes]
    notes: Callable[[], list[Note]]


def in_files(aws: Aws, folder: Path) -> Kit:
    return Kit(
        partial(working, aws, folder, records=folder / "records"),
        (folder / "records").read_bytes,
        (folder / "dead-letters.jsonl").read_bytes,
        lambda: notes_since(folder / "state.sqlite", 0),
    )


def in_a_bucket(aws: Aws, folder: Path) -> Kit:
    kept = Kept(aws, "killed")
    return Kit(
        partial(working_in, kept, aws, folder),
        partial(kept.lines, RECORDS),
        partial(kept.lines, DEAD_LETTERS),
        kept.notes,
    )


def _has_begun(worker: Live) -> bool:
    return worker.begun


def whole(lines: bytes) -> list[bytes]:
    """The lines that no crash has torn, each once."""
    return sorted({line for line in lines.splitlines() if line.endswith(b"}")})


@pytest.mark.parametrize(("kit_of", "kills"), [(in_files, 10), (in_a_bucket, 6)])
def test_however_often_it_is_killed_its_numbers_are_those_of_a_run_without(
    endpoint: str, tmp_path: Path, kit_of: Callable[[Aws, Path], Kit], kills: int
) -> None:
    random = Random(kills)
    aws = Aws(endpoint, f"killed-{kills}", shards=4)
    aws.feed(simulate(calls(SESSIONS), kills))
    offline = replayed(aws.put, tmp_path)
    kit = kit_of(aws, tmp_path)
    settings: Mapping[str, Any] = {"namespace": f"Killed{kills}", "commit_every_s": 0.02}
    for _ in range(kills):
        with kit.start(**settings) as worker:
            worker.wait_for(partial(_has_begun, worker), "its begin")
            time.sleep(random.random() * LONGEST_S)
            assert worker.end(signal.SIGKILL) < 0
    with kit.start(**settings) as worker:
        worker.wait_for_sessions(SESSIONS)
        assert worker.end() == 0
        counters = worker.state.counters
    assert {name: counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }
    records = last_revisions(b"\n".join(whole(kit.records())))
    assert but_for_the_close(records) == but_for_the_close(offline.records)
    assert len(whole(kit.letters())) == offline.counters["dead_letters"] > 0
    bound = bounds(kit.notes())
    found = aws.statistics(settings["namespace"], offline.statistics)
    for series, more in beyond(found, offline.statistics).items():
        assert 0 <= more.samples <= bound[series].samples, series
