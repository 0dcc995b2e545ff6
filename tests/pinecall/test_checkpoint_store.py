"""Where a checkpoint is kept: whole, and by one bridge at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.errors import Fenced, Misconfigured
from worker.objectstore.retrying import Access
from worker.pinecall.checkpoint_store import CheckpointFile, CheckpointObject
from worker.testing.strict_s3 import StrictS3


def _claim(found: bytes | None) -> bytes:
    return b"new" if found is None else found + b"+"


def test_a_file_keeps_what_was_saved_last(tmp_path: Path) -> None:
    first = CheckpointFile(tmp_path / "c.json")
    assert first.acquire(_claim) == b"new"
    first.save(b"one")
    del first
    assert CheckpointFile(tmp_path / "c.json").acquire(_claim) == b"one+"
    assert (tmp_path / "c.json").stat().st_mode & 0o077 == 0


def test_a_second_bridge_of_a_file_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    first = CheckpointFile(tmp_path / "c.json")
    first.acquire(_claim)
    with pytest.raises(Fenced, match="in use"):
        CheckpointFile(tmp_path / "c.json").acquire(_claim)
    assert (tmp_path / "c.json").read_bytes() == b"new"


def test_a_folder_that_is_not_there_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="pinecall_checkpoint"):
        CheckpointFile(tmp_path / "none" / "c.json").acquire(_claim)


def _object(bucket: StrictS3) -> CheckpointObject:
    return CheckpointObject(Access(bucket, lambda _: None, lambda: 0.5, lambda _: None))


def test_of_two_bridges_of_a_bucket_the_later_one_goes_on() -> None:
    bucket = StrictS3()
    first, second = _object(bucket), _object(bucket)
    assert first.acquire(_claim) == b"new"
    first.save(b"one")
    assert second.acquire(_claim) == b"one+"
    with pytest.raises(Fenced, match="another bridge"):
        first.save(b"two")
    second.save(b"three")
    assert _object(bucket).acquire(_claim) == b"three+"


def test_a_bridge_at_work_that_saves_meanwhile_is_overtaken() -> None:
    bucket = StrictS3()
    first, second = _object(bucket), _object(bucket)
    first.acquire(_claim)
    saved: list[bytes] = []

    def claim(found: bytes | None) -> bytes:
        if not saved:
            saved.append(b"meanwhile")
            first.save(saved[0])
        return _claim(found)

    assert second.acquire(claim) == b"meanwhile+"
