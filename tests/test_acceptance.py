"""What the program promises of a recording, held by the program as it is run."""

from __future__ import annotations

import base64
import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.processes import run
from worker.recordings.unpacking import Compression
from worker.recordings.writer import write_recording
from worker.stream.record import Record
from worker.testing.rearranging import rearranged, with_damage
from worker.testing.traffic import Traffic, simulated_records

pytestmark = pytest.mark.slow

HOUR: Final = 3_600_000
SEED: Final = 11
CALLS: Final = Traffic(sessions=200, malformed=0.0, aggregates=0.05)
DAMAGED: Final = 10_000

FILES: Final = ("sessions", "metrics", "dead-letters", "counters")

Series = tuple[str, str, str]
"""Name, dimensions and minute."""


class Results(NamedTuple):
    """The bytes of each file of a replay."""

    sessions: bytes
    metrics: bytes
    dead_letters: bytes
    counters: bytes

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in getattr(self, name).splitlines()]

    def counted(self) -> dict[str, int]:
        counters: dict[str, int] = json.loads(self.counters)
        return counters


def replay(recording: Path, out: Path, *more: str) -> Results:
    out.mkdir()
    options = [text for name in FILES for text in (f"--{name}", out / name)]
    done = run("replay", recording, *options, *more, cwd=out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return Results(*((out / name).read_bytes() for name in FILES))


def statistics(results: Results) -> dict[Series, tuple[int, int]]:
    """Count and sum of each series' minute. Sums are of thousandths, and so exact."""
    resident: dict[Series, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for datum in results.lines("metrics"):
        dimensions = json.dumps(sorted((d["Name"], d["Value"]) for d in datum["Dimensions"]))
        series = (datum["MetricName"], dimensions, datum["Timestamp"])
        pairs = list(zip(datum["Values"], datum["Counts"], strict=True))
        count, total = resident[series]
        resident[series] = (
            count + sum(n for _, n in pairs),
            total + sum(round(value * 1000) * n for value, n in pairs),
        )
    return dict(resident)


def without_arrivals(resident: dict[Series, tuple[int, int]]) -> dict[Series, tuple[int, int]]:
    """Statistics, but for the one sum that is made of arrivals."""
    return {
        series: (count, 0 if series[0] == "DeliveryDelay" else total)
        for series, (count, total) in resident.items()
    }


def records_but(results: Results, *left_out: str) -> dict[str, dict[str, Any]]:
    """The last record of each session by its id, without some of its fields."""
    return {
        record["session_id"]: {k: v for k, v in record.items() if k not in left_out}
        for record in results.lines("sessions")
    }


def assert_accounted_for(counters: dict[str, int]) -> None:
    assert counters["occurrences"] == sum(
        counters[name] for name in ("test_events", "ignored", "dead_letters", "events")
    )
    assert counters["events"] == sum(counters[name] for name in ("folded", "duplicates", "cut"))


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulated_records(CALLS, SEED))


@pytest.fixture(scope="module")
def plain(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("plain")
    write_recording(folder / "recording", records, "zst")
    return replay(folder / "recording", folder / "out")


def test_every_session_has_one_record_and_every_occurrence_is_accounted_for(
    plain: Results,
) -> None:
    keys = [(r["account_sid"], r["call_sid"], r["session_id"]) for r in plain.lines("sessions")]
    assert len(keys) == len(set(keys)) == CALLS.sessions
    assert keys == sorted(keys)
    counters = plain.counted()
    assert_accounted_for(counters)
    assert counters["sessions_closed"] == CALLS.sessions
    assert counters["duplicates"] > 0
    assert counters["test_events"] == 1
    assert counters["samples_retracted"] == 0
    ended = [
        count
        for (name, dimensions, _), (count, _) in statistics(plain).items()
        if name == "SessionsEnded" and dimensions == "[]"
    ]
    assert sum(ended) == CALLS.sessions


def test_delays_repetition_and_sharding_change_no_result(
    plain: Results, records: list[Record], tmp_path: Path
) -> None:
    shuffled = rearranged(records, SEED, shards=7, max_delay_ms=HOUR, repeat_fraction=1 / 3)
    assert len({record.shard for record in shuffled}) == 7
    assert len(shuffled) > 1.3 * len(records)
    write_recording(tmp_path / "recording", shuffled, "zst")
    other = replay(tmp_path / "recording", tmp_path / "out")
    assert records_but(other) == records_but(plain)
    assert without_arrivals(statistics(other)) == without_arrivals(statistics(plain))
    assert_accounted_for(other.counted())
    for name in ("folded", "dead_letters", "sessions_closed", "cut"):
        assert other.counted()[name] == plain.counted()[name]


def test_ten_thousand_damaged_records_change_nothing_for_the_good_ones(
    plain: Results, records: list[Record], tmp_path: Path
) -> None:
    mixed = with_damage(records, DAMAGED, SEED)
    bad = [record for record in mixed if record.partition_key.startswith("damaged-")]
    assert len(bad) == DAMAGED
    write_recording(tmp_path / "recording", mixed)
    other = replay(tmp_path / "recording", tmp_path / "out")
    assert other.sessions == plain.sessions
    assert other.metrics == plain.metrics
    counters = other.counted()
    assert_accounted_for(counters)
    for name, more in (("occurrences", DAMAGED), ("dead_letters", DAMAGED), ("events", 0)):
        assert counters[name] == plain.counted()[name] + more
    letters = {
        (letter["shard"], letter["sequence_number"]): letter
        for letter in other.lines("dead_letters")
    }
    assert len(letters) == DAMAGED
    for record in bad:
        letter = letters[record.shard, record.sequence_number]
        assert letter["reason"].strip()
        data = base64.b64decode(letter["data"])
        # an event in a list is an occurrence of its own: its letter holds its own bytes
        assert data == record.data or f"[{data.decode()}]".encode() == record.data


def test_lines_that_are_no_records_become_dead_letters_too(
    records: list[Record], tmp_path: Path
) -> None:
    some = [record for record in records if record.shard == "shardId-000000000000"][:500]
    write_recording(tmp_path / "recording", some)
    good = replay(tmp_path / "recording", tmp_path / "good")
    path = tmp_path / "recording" / "shardId-000000000000.jsonl"
    lines = path.read_bytes().splitlines()
    broken = [b"not JSON", b"{}", b'{"Data": 7}', b"\xff\xfe", lines[0][:-20], b"[" * 100_000]
    for place, line in enumerate(broken):
        lines.insert(place * 50, line)
    path.write_bytes(b"\n".join(lines))
    other = replay(tmp_path / "recording", tmp_path / "out")
    assert other.sessions == good.sessions
    assert other.metrics == good.metrics
    assert_accounted_for(other.counted())
    letters = other.lines("dead_letters")
    assert [base64.b64decode(letter["data"]) for letter in letters] == broken
    assert [letter["sequence_number"] for letter in letters] == [
        f"line {place * 50 + 1}" for place in range(len(broken))
    ]


def test_every_form_of_a_recording_gives_the_same(tmp_path: Path) -> None:
    few = list(simulated_records(Traffic(sessions=20, malformed=0.01), SEED))
    forms: tuple[tuple[str, Compression | None], ...] = (
        ("plain", None),
        ("zst", "zst"),
        ("gz", "gz"),
    )
    for name, compression in forms:
        write_recording(tmp_path / name, few, compression)
    whole = tmp_path / "one.jsonl"
    with whole.open("wb") as one:
        for path in sorted((tmp_path / "plain").iterdir()):
            with path.open("rb") as part:
                shutil.copyfileobj(part, one)
    first = replay(tmp_path / "plain", tmp_path / "out-plain")
    assert first.counted()["dead_letters"] > 0
    assert replay(tmp_path / "zst", tmp_path / "out-zst") == first
    assert replay(tmp_path / "gz", tmp_path / "out-gz") == first
    single = replay(whole, tmp_path / "out-single")
    with whole.open("rb") as stdin:
        options = [text for name in FILES for text in (f"--{name}", tmp_path / name)]
        done = run("replay", "-", *options, cwd=tmp_path, stdin=stdin)
    assert done.returncode == 0, done.stderr
    piped = Results(*((tmp_path / name).read_bytes() for name in FILES))
    for other in (single, piped):
        assert other.sessions == first.sessions
        # lines of one file come as they stand there, so a repeat may come before the first copy
        assert without_arrivals(statistics(other)) == without_arrivals(statistics(first))
        assert other.counters == first.counters
        assert sorted(letter["data"] for letter in other.lines("dead_letters")) == sorted(
            letter["data"] for letter in first.lines("dead_letters")
        )


def test_a_replay_twice_gives_the_same_bytes(
    plain: Results, records: list[Record], tmp_path: Path
) -> None:
    write_recording(tmp_path / "recording", records, "gz")
    assert replay(tmp_path / "recording", tmp_path / "out") == plain


def test_as_live_comes_to_the_same_final_records(
    plain: Results, records: list[Record], tmp_path: Path
) -> None:
    write_recording(tmp_path / "recording", records)
    live = replay(tmp_path / "recording", tmp_path / "out", "--as-live")
    but = ("revision", "close_reason")
    assert records_but(live, *but) == records_but(plain, *but)
    counters = live.counted()
    assert_accounted_for(counters)
    assert counters["sessions_revised"] > 0
    for name in ("occurrences", "folded", "duplicates", "dead_letters", "sessions_closed"):
        assert counters[name] == plain.counted()[name]
    revisions = [record["revision"] for record in live.lines("sessions")]
    assert sum(revisions) == CALLS.sessions + counters["sessions_revised"]
