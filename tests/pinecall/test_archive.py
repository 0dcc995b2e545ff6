"""Calls too old for the stream: a recording each, that replay reads together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.pinecall.bridges import calls, mapped
from worker.errors import Misconfigured
from worker.objectstore.retrying import Access
from worker.pinecall.archive import BucketArchive, FolderArchive, archive_name
from worker.recordings.reader import read_recording
from worker.stream.record import Record
from worker.testing.strict_s3 import StrictS3

MADE = calls(2)


def test_a_folder_of_calls_is_one_recording(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "late")
    places = [asyncio.run(archive.keep(one.call, mapped(one))) for one in MADE]
    assert places == [str(tmp_path / "late" / f"{one.call}.jsonl") for one in MADE]
    found = [one for one in read_recording(str(tmp_path / "late")) if isinstance(one, Record)]
    assert sorted(one.data for one in found) == sorted(r.data for m in MADE for r in mapped(m))


def test_what_is_kept_again_takes_the_place_of_what_was(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    for records in (mapped(MADE[0])[:3], mapped(MADE[0])):
        asyncio.run(archive.keep(MADE[0].call, records))
    assert len(list(read_recording(str(tmp_path)))) == len(mapped(MADE[0]))


def test_a_bucket_has_an_object_a_call_with_the_same_bytes(tmp_path: Path) -> None:
    bucket = StrictS3()
    access = Access(bucket, lambda _: None, lambda: 0.5, lambda _: None)
    for _ in range(2):
        place = asyncio.run(BucketArchive(access).keep(MADE[0].call, mapped(MADE[0])))
    assert place == f"{bucket.url}/{MADE[0].call}.jsonl"
    asyncio.run(FolderArchive(tmp_path).keep(MADE[0].call, mapped(MADE[0])))
    kept = access.read(f"{MADE[0].call}.jsonl")
    assert kept is not None
    assert kept.data == (tmp_path / f"{MADE[0].call}.jsonl").read_bytes()


@pytest.mark.parametrize("call", ["a.b", "..", "a:b", "a" * 65])
def test_an_id_that_is_no_name_for_a_file_becomes_one(call: str) -> None:
    assert len(archive_name(call)) == 32
    assert archive_name("call_1-A") == "call_1-A"


def test_a_place_that_cannot_be_written_is_the_operators(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="pinecall_expired"):
        asyncio.run(FolderArchive(tmp_path / "file").keep("c", mapped(MADE[0])))
