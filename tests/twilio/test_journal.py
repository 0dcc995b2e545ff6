"""A journal keeps calls whole, knows what it was begun for, and becomes a recording at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from worker.errors import BadInput, Misconfigured
from worker.recordings.reader import read_recording
from worker.stream.record import Record
from worker.twilio.journal import Journal, JournalledRequest

ASKED = JournalledRequest(["CA1", "CA2"], None, None, "carrier_edge")


def row(second: int) -> bytes:
    return json.dumps({"timestamp": f"2026-10-02T12:00:{second:02}Z", "call_sid": "CA"}).encode()


def begun(folder: Path) -> Journal:
    journal = Journal(folder, ASKED)
    journal.plan(["CA1", "CA2"])
    journal.keep("CA2", [row(1), row(3)])
    return journal


def test_what_was_kept_is_known_to_the_next_one(tmp_path: Path) -> None:
    begun(tmp_path)
    again = Journal(tmp_path, ASKED)
    assert again.calls == ["CA1", "CA2"]
    assert [again.has(call) for call in ("CA1", "CA2")] == [False, True]
    assert again.contents().rows == 2


def test_a_recording_takes_its_place(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.keep("CA1", [row(2)])
    assert journal.oldest() == 1_790_942_401_000
    assert journal.finish(None) == 3
    assert [place.name for place in tmp_path.iterdir()] == ["twilio.jsonl"]
    records = [one for one in read_recording(str(tmp_path)) if isinstance(one, Record)]
    assert [one.partition_key for one in records] == ["CA2", "CA1", "CA2"]


def test_a_call_without_events_adds_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, ASKED)
    journal.plan(["CA1"])
    journal.keep("CA1", [])
    assert journal.oldest() is None
    assert journal.finish(None) == 0


def test_another_request_does_not_go_on_with_it(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(Misconfigured, match="another back-fill"):
        Journal(tmp_path, JournalledRequest(["CA1"], None, None, "carrier_edge"))


def test_a_recording_is_not_written_over(tmp_path: Path) -> None:
    begun(tmp_path).finish("zst")
    with pytest.raises(Misconfigured, match="already holds a recording"):
        Journal(tmp_path, ASKED)


def test_a_plan_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    begun(tmp_path)
    (tmp_path / ".twilio" / "plan.json").write_bytes(b"{")
    with pytest.raises(BadInput, match="delete it and start again"):
        Journal(tmp_path, ASKED)


def test_what_an_interrupted_writing_left_is_not_in_the_recording(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    half = tmp_path / ".twilio" / "recording"
    half.mkdir()
    (half / "twilio.jsonl.zst").write_bytes(b"half")
    assert journal.finish("zst") == 2


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Misconfigured):
        Journal(tmp_path / "file" / "folder", ASKED)


@pytest.mark.parametrize("call", ["../../evil", "/etc/evil", "..", "", "CA1/x"])
def test_a_call_that_is_named_like_a_path_makes_no_file(tmp_path: Path, call: str) -> None:
    journal = Journal(tmp_path / "a" / "b", JournalledRequest([call], None, None, "carrier_edge"))
    with pytest.raises(BadInput, match="not the SID"):
        journal.keep(call, [row(1)])
    assert [place for place in tmp_path.rglob("*") if place.is_file()] == []
