"""Reading recordings: the merge, the tolerances, and what becomes of what can't be read."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import BadInput
from worker.recordings.damaged_line import DamagedLine
from worker.recordings.files import RECORDING_LINE_BYTES
from worker.recordings.reader import read_recording
from worker.stream.record import Record

STAMP = 1759406400.123
ARRIVAL = 1759406400123


def line(data: bytes = b"{}", **changes: object) -> bytes:
    fields: dict[str, object] = {
        "SequenceNumber": "49",
        "ApproximateArrivalTimestamp": STAMP,
        "Data": base64.b64encode(data).decode(),
        "PartitionKey": "k",
    }
    fields.update(changes)
    return json.dumps({key: value for key, value in fields.items() if value is not ...}).encode()


def read(path: Path) -> list[Record | DamagedLine]:
    return list(read_recording(str(path)))


def one(tmp_path: Path, content: bytes) -> Record | DamagedLine:
    place = tmp_path / "shard-1.jsonl"
    place.write_bytes(content)
    (item,) = read(place)
    return item


def test_a_line_is_one_record_as_get_records_gives_it(tmp_path: Path) -> None:
    assert one(tmp_path, line(b"\x00\xff")) == Record("shard-1", "49", ARRIVAL, b"\x00\xff", "k")


@given(st.lists(st.integers(0, 4_102_444_800_000), min_size=1))
def test_arrival_in_epoch_seconds_is_exact_to_the_millisecond(
    tmp_path_factory: pytest.TempPathFactory, instants: list[int]
) -> None:
    place = tmp_path_factory.mktemp("s") / "s.jsonl"
    stamps = [
        text
        for ms in instants
        for whole, rest in [divmod(ms, 1000)]
        for text in (json.dumps(ms / 1000), f"{whole}.{rest:03d}", f"{whole}.{rest:03d}0001")
    ]
    template = line(ApproximateArrivalTimestamp=1)
    place.write_bytes(
        b"\n".join(template.replace(b": 1,", f": {stamp},".encode()) for stamp in stamps)
    )
    arrivals = [item.arrival for item in read(place) if isinstance(item, Record)]
    assert arrivals == [ms for ms in instants for _ in range(3)]


def test_standard_input_is_a_recording_of_one_shard() -> None:
    program = "from worker.recordings.reader import *\nprint(*read_recording('-'), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], input=line() + b"\n{\n", capture_output=True, check=True
    )
    record, damaged = done.stdout.decode().splitlines()
    assert record == str(Record("stdin", "49", ARRIVAL, b"{}", "k"))
    assert damaged.startswith("DamagedLine(shard='stdin', line=2")


@pytest.mark.parametrize(
    ("stamp", "arrival"),
    [
        (1759406400, 1759406400000),
        (0, 0),
        ("2025-10-02T12:00:00.123Z", ARRIVAL),
        ("2025-10-02T14:00:00.123000+02:00", ARRIVAL),
        ("2025-10-02T12:00:00", 1759406400000),
    ],
)
def test_arrival_may_be_an_integer_or_iso_8601(tmp_path: Path, stamp: object, arrival: int) -> None:
    item = one(tmp_path, line(ApproximateArrivalTimestamp=stamp))
    assert isinstance(item, Record)
    assert item.arrival == arrival


@pytest.mark.parametrize(
    "content",
    [
        line() + b"\n",
        line() + b"\r\n",
        b"\n\r\n  \n" + line() + b"\n\n",
        line(EncryptionType="NONE", Extra={"deep": [1, 2]}),
    ],
)
def test_line_ends_blank_lines_and_other_keys_do_not_matter(tmp_path: Path, content: bytes) -> None:
    item = one(tmp_path, content)
    assert item == Record("shard-1", "49", ARRIVAL, b"{}", "k")


@pytest.mark.parametrize("absent", [..., None])
def test_without_a_sequence_number_the_line_number_is_the_position(
    tmp_path: Path, absent: object
) -> None:
    item = one(tmp_path, b"\n\n" + line(SequenceNumber=absent, PartitionKey=absent))
    assert item == Record("shard-1", "3", ARRIVAL, b"{}", "")


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"42",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"\x00",
        line()[:-1],
        line() + b"x",
        line(Data=...),
        line(Data=None),
        line(Data=7),
        line(Data="a"),
        line(Data="YQ= ="),
        line(ApproximateArrivalTimestamp=...),
        line(ApproximateArrivalTimestamp=None),
        line(ApproximateArrivalTimestamp=True),
        line(ApproximateArrivalTimestamp=-1),
        line(ApproximateArrivalTimestamp=1e300),
        line(ApproximateArrivalTimestamp="yesterday"),
        line(ApproximateArrivalTimestamp=1).replace(b": 1,", b": 1e999,"),
        line(ApproximateArrivalTimestamp=1).replace(b": 1,", b": NaN,"),
        line(PartitionKey=7),
        line(Extra=1).replace(b": 1}", b": " + b"[" * 100_000 + b"}"),
    ],
)
def test_a_line_that_is_no_record_is_named_and_the_others_are_read(
    tmp_path: Path, bad: bytes
) -> None:
    place = tmp_path / "shard-1.jsonl"
    place.write_bytes(b"\n".join([line(b"1"), bad, line(b"2")]))
    first, damaged, last = read(place)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert (first.data, last.data) == (b"1", b"2")
    assert isinstance(damaged, DamagedLine)
    assert (damaged.shard, damaged.line, damaged.data) == ("shard-1", 2, bad)
    assert damaged.reason


def test_an_endless_line_is_cut_and_the_next_one_is_read(tmp_path: Path) -> None:
    place = tmp_path / "a.jsonl"
    place.write_bytes(b"x" * (RECORDING_LINE_BYTES + (3 << 20)) + b"\n" + line(b"2"))
    damaged, last = read(place)
    assert isinstance(damaged, DamagedLine)
    assert len(damaged.data) <= RECORDING_LINE_BYTES + 1
    assert isinstance(last, Record)


def test_the_largest_record_of_kinesis_is_read(tmp_path: Path) -> None:
    data = bytes(10 << 20)
    item = one(tmp_path, line(data))
    assert isinstance(item, Record)
    assert item.data == data


def pack(plain: bytes, kind: str) -> bytes:
    return gzip.compress(plain) if kind == "gz" else zstandard.compress(plain)


@pytest.mark.parametrize("kind", ["zst", "gz"])
def test_a_packed_file_reads_like_a_plain_one(tmp_path: Path, kind: str) -> None:
    plain = b"".join(line(str(n).encode()) + b"\n" for n in range(3000))
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "s.jsonl").write_bytes(plain)
    (tmp_path / f"s.jsonl.{kind}").write_bytes(pack(plain[:5000], kind) + pack(plain[5000:], kind))
    assert read(tmp_path) == read(tmp_path / "plain")


@pytest.mark.parametrize("kind", ["zst", "gz"])
def test_of_a_file_cut_short_all_before_the_cut_is_read(tmp_path: Path, kind: str) -> None:
    frames = [pack(line(str(n).encode()) + b"\n", kind) for n in range(5)]
    (tmp_path / f"s.jsonl.{kind}").write_bytes(b"".join(frames)[:-3])
    *records, cut = read(tmp_path)
    whole = [item.data for item in records if isinstance(item, Record)]
    assert len(whole) == len(records)
    assert whole[:4] == [b"0", b"1", b"2", b"3"]
    assert isinstance(cut, DamagedLine)
    assert cut.line >= len(records)
    assert "too early" in cut.reason


@pytest.mark.parametrize("kind", ["zst", "gz"])
def test_of_a_damaged_file_all_before_the_damage_is_read(tmp_path: Path, kind: str) -> None:
    packed = pack(line() + b"\n", kind) + b"garbage in between" + pack(line() + b"\n", kind)
    (tmp_path / f"s.jsonl.{kind}").write_bytes(packed)
    first, cut = read(tmp_path)
    assert isinstance(first, Record)
    assert isinstance(cut, DamagedLine)
    assert "damaged" in cut.reason


def test_shards_are_merged_by_arrival_then_shard_then_position(tmp_path: Path) -> None:
    def shard(name: str, *stamps: int) -> None:
        lines = [line(ApproximateArrivalTimestamp=stamp) for stamp in stamps]
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(lines))

    shard("b", 1, 2, 2, 9)
    shard("a", 2, 3)
    shard("c", 5, 1, 7)  # its own order holds: 1 waits behind 5
    order = [(r.shard, r.arrival // 1000) for r in read(tmp_path) if isinstance(r, Record)]
    assert order == [
        ("b", 1),
        ("a", 2),
        ("b", 2),
        ("b", 2),
        ("a", 3),
        ("c", 5),
        ("c", 1),
        ("c", 7),
        ("b", 9),
    ]


@given(st.lists(st.lists(st.integers(0, 50), max_size=20), min_size=1, max_size=5))
def test_no_record_is_lost_and_none_leaves_its_order(
    tmp_path_factory: pytest.TempPathFactory, shards: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("r")
    for n, stamps in enumerate(shards):
        lines = [line(SequenceNumber=..., ApproximateArrivalTimestamp=stamp) for stamp in stamps]
        (folder / f"{n}.jsonl").write_bytes(b"\n".join(lines))
    records = [item for item in read(folder) if isinstance(item, Record)]
    for n, stamps in enumerate(shards):
        mine = [record.arrival // 1000 for record in records if record.shard == str(n)]
        assert mine == stamps
    if all(stamps == sorted(stamps) for stamps in shards):
        assert records == sorted(
            records, key=lambda r: (r.arrival, r.shard, int(r.sequence_number))
        )


def test_files_that_are_no_shards_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shard.jsonl").write_bytes(line())
    for name in ("manifest.json", ".hidden.jsonl", "README.md", ".jsonl"):
        (tmp_path / name).write_text("no record")
    (tmp_path / "folder.jsonl").mkdir()
    (record,) = read(tmp_path)
    assert isinstance(record, Record)


def test_a_single_file_of_any_name_serves(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_bytes(line())
    (record,) = read(tmp_path / "export.json")
    assert isinstance(record, Record)
    assert record.shard == "export"


@pytest.mark.parametrize("name", ["absent", "absent.jsonl", "empty", "file.jsonl/x"])
def test_where_no_recording_is_one_line_says_so_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    (tmp_path / "file.jsonl").write_bytes(line())
    with pytest.raises(BadInput) as raised:
        read_recording(str(tmp_path / name))
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


def test_one_shard_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line())
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line()))
    with pytest.raises(BadInput, match="shard a is there twice"):
        read_recording(str(tmp_path))


def test_an_empty_file_is_a_recording_without_records(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.zst", "c.jsonl.gz"):
        (tmp_path / name).write_bytes(b"")
    assert read(tmp_path) == []


@pytest.mark.parametrize("kind", ["a link", "a pipe", "a device"])
def test_what_leads_out_of_a_recordings_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder, place = tmp_path / "recording", tmp_path / "recording" / "b.jsonl"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(line())
    (tmp_path / "elsewhere").write_bytes(line())
    if kind == "a link":
        place.symlink_to(tmp_path / "elsewhere")
    elif kind == "a pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
        kind = "a link"
    with pytest.raises(BadInput, match=f"b.jsonl.*{kind}"):
        read_recording(str(folder))


def test_a_link_that_is_named_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(line())
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "elsewhere")
    (record,) = read(tmp_path / "b.jsonl")
    assert isinstance(record, Record)


def test_a_name_that_is_no_utf8_stands_in_the_shard_with_its_bytes(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    place.write_bytes(line())
    for path in (str(tmp_path), str(place)):
        (record,) = read_recording(path)
        assert isinstance(record, Record)
        assert record.shard == "caf\\xe9"
