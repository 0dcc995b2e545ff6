"""Lines are removed from files and objects while others are being written, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.destinations.erasing import (
    ErasedLines,
    erase_in_file,
    erase_in_folder,
    erase_in_object,
    lines_without,
)
from worker.destinations.files import LineSink
from worker.destinations.objects import RECORDS, ObjectSink, record_time
from worker.destinations.written_lines import lines_of_file, lines_of_folder
from worker.objectstore.retrying import Access
from worker.testing.strict_s3 import S3Operation, StrictS3

LINES = st.lists(st.booleans(), max_size=8)


def record(n: int, *, ours: bool) -> bytes:
    hour = 12 + n % 2
    sid = "ours" if ours else "others"
    return b'{"ended_at": "2026-10-02T%d:00:00.000Z", "sid": "%s", "n": %d}' % (
        hour,
        sid.encode(),
        n,
    )


def covers(line: bytes) -> bool:
    return b'"ours"' in line


def at(bucket: StrictS3) -> Access:
    return Access(bucket, lambda _: None, lambda: 0.5, lambda _: None)


def written(flags: list[bool]) -> list[bytes]:
    return [record(n, ours=ours) + b"\n" for n, ours in enumerate(flags)]


@given(LINES, st.booleans())
def test_a_file_keeps_its_other_lines_under_their_numbers_and_whoever_appends_to_it(
    tmp_path_factory: pytest.TempPathFactory, flags: list[bool], torn: bool
) -> None:
    path = tmp_path_factory.mktemp("lines") / "records.jsonl"
    lines = written(flags)
    path.write_bytes(b"".join(lines)[: -1 if torn else None])
    sink = LineSink(str(path))
    erased = erase_in_file(path, covers)
    sink.send(record(99, ours=False) + b"\n")
    sink.close()
    assert erased == ErasedLines(sum(flags), int(any(flags)))
    assert b'"ours"' not in path.read_bytes()
    found = {line.number: line.data.rstrip(b"\n") for line in lines_of_file(path)}
    expected = {n: record(n - 1, ours=False) for n, ours in enumerate(flags, 1) if not ours}
    assert found == {**expected, len(flags) + 1: record(99, ours=False)}
    assert erase_in_file(path, covers) == ErasedLines()


def test_of_a_file_that_is_not_there_nothing_is_erased(tmp_path: Path) -> None:
    assert erase_in_file(tmp_path / "none.jsonl", covers) == ErasedLines()
    assert list(tmp_path.iterdir()) == []


@given(st.lists(LINES, max_size=4))
def test_a_folder_keeps_its_other_lines_and_no_empty_object(entries: list[list[bool]]) -> None:
    bucket = StrictS3(page=2)
    sink = ObjectSink(bucket, RECORDS, record_time)
    for flags in entries:
        sink.send(b"".join(written(flags)))
    others = {line.data for line in lines_of_folder(at(bucket), RECORDS) if not covers(line.data)}
    erase_in_folder(at(bucket), RECORDS, covers)
    left = list(lines_of_folder(at(bucket), RECORDS))
    assert {line.data for line in left} == others
    assert {line.source for line in left} == {f"{bucket.url}/{key}" for key in bucket.objects}
    assert erase_in_folder(at(bucket), RECORDS, covers) == ErasedLines()


def test_an_object_that_is_written_again_meanwhile_is_read_again() -> None:
    bucket = StrictS3()
    ObjectSink(bucket, RECORDS, record_time).send(record(0, ours=True) + b"\n")
    (key,) = bucket.objects
    both = zstandard.compress(record(0, ours=True) + b"\n" + record(2, ours=False) + b"\n")
    once: list[bool] = []

    def another_writes(operation: S3Operation, _key: str) -> None:
        if operation == "get" and not once:
            once.append(True)
            bucket.objects[key] = both

    bucket.after = another_writes
    bucket.objects[key] = zstandard.compress(record(0, ours=True) + b"\n" + record(4, ours=False))
    assert erase_in_object(at(bucket), key, covers) == 1
    assert zstandard.decompress(bucket.objects[key]) == record(2, ours=False) + b"\n"


@given(LINES)
def test_a_request_keeps_its_other_lines(flags: list[bool]) -> None:
    lines = written(flags)
    left = [line for line, ours in zip(lines, flags, strict=True) if not ours]
    assert lines_without(b"".join(lines), covers) == b"".join(left)
