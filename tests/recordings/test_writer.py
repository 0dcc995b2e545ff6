"""Writing recordings: what is written reads back, and nothing is written over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Misconfigured
from worker.recordings.reader import read_recording
from worker.recordings.unpacking import Compression
from worker.recordings.writer import RecordingWriter, write_recording
from worker.stream.record import Record

COMPRESSIONS: list[Compression | None] = ["zst", "gz", None]

records = st.builds(
    Record,
    shard=st.sampled_from(["shardId-000000000000", "shardId-000000000001", "x.y_z-1"]),
    sequence_number=st.text("0123456789", min_size=1, max_size=56),
    arrival=st.integers(0, 253_402_300_799_999),
    data=st.binary(max_size=200),
    partition_key=st.text(st.characters(codec="utf-8"), min_size=0, max_size=20),
)


@pytest.mark.slow
@given(st.lists(records, min_size=1, max_size=20), st.sampled_from(COMPRESSIONS))
def test_what_is_written_is_read_back_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[Record],
    compression: Compression | None,
) -> None:
    written = sorted(written, key=lambda r: (r.arrival, r.shard))
    folder = tmp_path_factory.mktemp("w") / "new" / "folder"
    assert write_recording(folder, written, compression) == len(written)
    assert list(read_recording(str(folder))) == written


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_equal_records_give_equal_bytes(tmp_path: Path, compression: Compression | None) -> None:
    some = [Record("s", str(n), n, b"x" * n, "k") for n in range(100)]
    for name in ("one", "two"):
        write_recording(tmp_path / name, some, compression)
    (one,) = (tmp_path / "one").iterdir()
    (two,) = (tmp_path / "two").iterdir()
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_a_line_has_the_keys_of_get_records(tmp_path: Path) -> None:
    write_recording(tmp_path, [Record("s", "7", 1759406400123, b"\xff", "k")])
    assert json.loads((tmp_path / "s.jsonl").read_text()) == {
        "SequenceNumber": "7",
        "ApproximateArrivalTimestamp": 1759406400.123,
        "Data": "/w==",
        "PartitionKey": "k",
    }


@pytest.mark.parametrize("name", ["s.jsonl", "other.jsonl.zst", "other.jsonl.gz"])
def test_a_folder_with_a_recording_is_never_written_into(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("kept")
    with pytest.raises(Misconfigured, match="holds a recording already"):
        write_recording(tmp_path, [Record("s", "1", 1, b"", "")])
    assert [(place.name, place.read_text()) for place in tmp_path.iterdir()] == [(name, "kept")]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="file"):
        write_recording(tmp_path / "file", [])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_files_are_complete_when_the_writing_is_broken_off(
    tmp_path: Path, compression: Compression | None
) -> None:
    one = Record("s", "1", 1, b"x", "k")

    def broken_off() -> Iterator[Record]:
        yield one
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_recording(tmp_path, broken_off(), compression)
    assert list(read_recording(str(tmp_path))) == [one]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_shard_without_records_is_in_the_recording(
    tmp_path: Path, compression: Compression | None
) -> None:
    with RecordingWriter(tmp_path, compression) as writer:
        writer.begin("quiet")
        writer.begin("quiet")
    assert list(read_recording(str(tmp_path))) == []


@pytest.mark.parametrize("shard", ["../../evil", "/etc/evil", "a/b", "..", ".x", "", "a\0b", "é"])
def test_a_shard_that_is_called_like_a_path_makes_no_file(tmp_path: Path, shard: str) -> None:
    folder = tmp_path / "in" / "folder"
    with pytest.raises(Misconfigured, match="neither a shard id"):
        write_recording(folder, [Record(shard, "1", 1, b"", "")])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
