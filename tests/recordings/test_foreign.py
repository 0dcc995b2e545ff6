"""What people have and isn't a recording: refused with the command that makes one of it."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import BadInput
from worker.recordings.foreign import foreign
from worker.recordings.reader import read_recording
from worker.stream.record import Record

ARRIVAL = 1_790_942_400_123
EVENT = {
    "specversion": "1.0",
    "type": "com.example",
    "id": "EZ1",
    "time": "2026-10-02T12:00:00.123Z",
    "data": {"timestamp": "2026-10-02T12:00:00.123Z", "call_sid": "CA1"},
}
AS_TEXT = {**EVENT, "data": json.dumps(EVENT["data"])}
DATA = base64.b64encode(json.dumps(EVENT).encode()).decode()
RECORD = {
    "SequenceNumber": "49",
    "ApproximateArrivalTimestamp": "2026-10-02T12:00:00.123000+00:00",
    "Data": DATA,
    "PartitionKey": "k{}",
}
OF_LAMBDA = {
    "kinesis": {
        "kinesisSchemaVersion": "1.0",
        "partitionKey": "k{}",
        "sequenceNumber": "49",
        "data": DATA,
        "approximateArrivalTimestamp": ARRIVAL / 1000,
    },
    "eventSource": "aws:kinesis",
    "eventID": "shardId-000000000000:49",
}
ANSWER = {"Records": [RECORD, RECORD], "NextShardIterator": "AAA", "MillisBehindLatest": 0}


def lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


FORMS = {
    "get-records": json.dumps(ANSWER, indent=4),
    "get-records in a line": lines(ANSWER),
    "lambda": json.dumps({"Records": [OF_LAMBDA, OF_LAMBDA]}, indent=2),
    "lambda's records": lines(OF_LAMBDA, OF_LAMBDA),
    "lambda's records in a list": json.dumps([OF_LAMBDA, OF_LAMBDA]),
    "a list": json.dumps([RECORD, RECORD], indent=2),
    "records on lines": json.dumps(RECORD, indent=2) + "\n" + json.dumps(RECORD, indent=2),
    "events": lines(EVENT, EVENT),
    "events as text": lines(AS_TEXT, AS_TEXT),
    "events on lines": json.dumps(EVENT, indent=2) + json.dumps(EVENT, indent=2),
    "a list of events": json.dumps([EVENT, EVENT]),
}


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as raised:
        read_recording(str(path))
    line = str(raised.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_recording_is_refused_with_what_converts_it(tmp_path: Path, form: str) -> None:
    (tmp_path / "it's mine.json").write_text(FORMS[form])
    line = refused(tmp_path / "it's mine.json")
    assert line.startswith(str(tmp_path).join(("'", "")))
    if shutil.which("jq") is None:
        return
    command = line.partition("converts it: ")[2]
    subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
    for record in read_recording(str(tmp_path / "shard.jsonl")):
        assert isinstance(record, Record)
        assert record.arrival == ARRIVAL
        assert json.loads(record.data)["id"] == "EZ1"
    assert len(list(read_recording(str(tmp_path / "shard.jsonl")))) == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_refused_with_what_converts_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.jsonl").write_text(lines(RECORD), encoding=encoding)
    assert "iconv -f UTF-16 -t UTF-8" in refused(tmp_path)


def test_a_packed_file_is_unpacked_by_what_converts_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(FORMS["events"].encode()))
    assert f"gzip -dc {tmp_path}/a.jsonl.gz | jq -c" in refused(tmp_path)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(RECORD, RECORD), encoding="utf-8-sig")
    found = list(read_recording(str(tmp_path)))
    assert [type(one) for one in found] == [Record, Record]


records = st.fixed_dictionaries(
    {
        "Data": st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode()),
        "ApproximateArrivalTimestamp": st.one_of(st.floats(0, 2e9), st.just("2026-10-02T12:00Z")),
    },
    optional={
        "SequenceNumber": st.from_regex(r"\A[0-9]{1,56}\Z"),
        "PartitionKey": st.text(max_size=9),
        "EncryptionType": st.none(),
    },
)


@given(st.lists(records, min_size=1), st.sampled_from(["", "\n", "\ufeff", "garbage\n"]))
def test_a_recording_is_never_taken_for_anything_else(
    written: list[dict[str, Any]], before: str
) -> None:
    text = before + lines(*written)
    assert foreign(text.encode()) is None
    assert foreign(text.encode()[: len(text) // 2]) is None
