"""Saved logs in each form that they may have give the records that the bridge would put."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pinecall.bridges import ACCOUNT, calls, mapped
from tests.processes import ROOT
from worker.errors import BadInput
from worker.pinecall.offline import SavedCalls
from worker.pinecall.saved import files_at

DATA = ROOT / "tests" / "events" / "pinecall" / "data"
CALL = calls(1)[0]


def _data(*paths: Path) -> list[bytes]:
    return [record.data for record in SavedCalls(ACCOUNT).records(paths).records]


def test_a_stream_and_pages_of_one_call_give_the_same_records() -> None:
    assert _data(DATA / "call.sse") == _data(DATA / "call-log.json") != []


def test_entries_in_any_form_give_what_the_bridge_puts(tmp_path: Path) -> None:
    wanted = sorted(record.data for record in mapped(CALL))
    frames = "".join(f"id: {e['seq']}\ndata: {json.dumps(e)}\n\n" for e in CALL.entries)
    forms = {
        "lines.jsonl": "\n".join(json.dumps(entry) for entry in CALL.entries),
        "list.json": json.dumps(CALL.entries),
        "page.json": json.dumps({"entries": CALL.entries, "live": False, "next": None}),
        "pages.json": json.dumps([{"status": 200, "body": {"entries": CALL.entries}}]),
        "shuffled.json": json.dumps(CALL.entries[::-1]),
        "log.sse": f"retry: 1000\n\n: ping\n\n{frames}",
        "marked.sse": f"\ufeff{frames}",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert sorted(_data(tmp_path / name)) == wanted, name


def test_a_call_that_stands_in_several_files_is_put_once(tmp_path: Path) -> None:
    half = len(CALL.entries) // 2
    for name, part in (("1.json", CALL.entries[: half + 2]), ("2.json", CALL.entries[half:])):
        (tmp_path / name).write_text(json.dumps(part))
    found = _data(*files_at(str(tmp_path)))
    assert sorted(found) == sorted(record.data for record in mapped(CALL))


def test_frames_of_the_sdk_are_told_from_entries() -> None:
    found = SavedCalls(ACCOUNT).records([DATA / "sdk-stream.sse"])
    assert found.calls == 1
    assert len(found.records) > 10


def test_simulations_are_left_out_and_counted(tmp_path: Path) -> None:
    entries = json.loads(json.dumps(CALL.entries))
    for entry in entries:
        if entry["type"] == "call.started":
            entry["data"]["persona"] = "p1"
    (tmp_path / "c.json").write_text(json.dumps(entries))
    found = SavedCalls(ACCOUNT).records([tmp_path / "c.json"])
    assert (found.records, found.skipped) == ([], {"simulation": 1})


@pytest.mark.parametrize("text", ["", "hello", "[]", '{"a": 1}', "[[[[[[1]]]]]]"])
def test_a_file_of_anything_else_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(BadInput, match="x: holds no entries"):
        _data(tmp_path / "x")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        files_at(str(tmp_path / "none"))
    with pytest.raises(BadInput, match="empty folder"):
        files_at(str(tmp_path))
