"""A call is forgotten while its worker runs, which is started again and never has it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.live import Aws, Live, but_for_the_close, calls, last_revisions, replayed, working
from tests.processes import LONGEST_S, run
from worker.testing.traffic import simulated_records

pytestmark = pytest.mark.slow


def forgets(worker: Live, folder: Path, sid: str) -> dict[str, Any]:
    places = {
        "STATE": worker.state_file,
        "RECORDS": folder / "records.jsonl",
        "DEAD_LETTERS": folder / "dead-letters.jsonl",
    }
    env = {f"VOICE_INSIGHTS_{name}": str(place) for name, place in places.items()}
    done = run("forget", sid, "--yes", "--json", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def as_facts(records: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What they say of calls, however often they closed meanwhile."""
    return {sid: {**record, "revision": None} for sid, record in but_for_the_close(records).items()}


def test_a_call_is_forgotten_beside_its_worker_and_does_not_come_back(
    endpoint: str, tmp_path: Path
) -> None:
    aws = Aws(endpoint, "forgotten")
    stream = list(simulated_records(calls(6, other_types=0, malformed=0, test_event=False), 3))
    (tmp_path / "offline").mkdir()
    offline = replayed(stream, tmp_path / "offline")
    record = next(iter(offline.records.values()))
    sid, ids = record["call_sid"], (record["call_sid"], record["session_id"])
    half = len(stream) // 2
    records = tmp_path / "records.jsonl"
    with working(aws, tmp_path, records=records) as worker:
        aws.feed(stream[:half])
        worker.wait_for_occurrences(half)
        forgets(worker, tmp_path, sid)
        assert worker.process.wait(LONGEST_S) == 3
    with working(aws, tmp_path, records=records) as worker:
        aws.feed([*stream[half:], *stream[:half]])
        worker.wait_for_occurrences(len(stream) + half)
        worker.wait_for_sessions(len(offline.records) - 1)
        assert worker.end() == 0
    state = worker.state
    of_call = [one for one in stream if sid.encode() in one.data]
    assert 0 < state.counters["erased"] <= 2 * len(of_call)
    again = forgets(worker, tmp_path, sid)
    assert again["state"]["resident"] == again["state"]["closed"] == again["records"]["lines"] == 0
    for path in tmp_path.iterdir():
        if path.is_file():
            assert not any(one.encode() in path.read_bytes() for one in ids), path
    others = {key: one for key, one in offline.records.items() if one["call_sid"] != sid}
    lines = [line for line in records.read_bytes().splitlines() if not line.isspace()]
    found = last_revisions(b"\n".join(lines))
    assert as_facts(found) == as_facts(others)
