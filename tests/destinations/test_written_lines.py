"""Lines are read back from objects whatever somebody has put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random, random

import pytest
import zstandard

from worker.destinations.objects import RECORDS
from worker.destinations.written_lines import (
    WRITTEN_LINE_BYTES,
    WrittenLine,
    lines_of_folder,
    lines_of_object,
)
from worker.errors import BadInput
from worker.objectstore.retrying import Access
from worker.testing.strict_s3 import StrictS3

NOISE = Random(1).randbytes(1 << 20).replace(b"\n", b"")
KEY = "sessions/dt=2026-10-02/hour=12/x.jsonl.zst"
READERS: list[Callable[[Access], Iterator[WrittenLine]]] = [
    lambda at: lines_of_object(at, KEY),
    lambda at: lines_of_folder(at, RECORDS),
]


def holding(data: bytes) -> Access:
    bucket = StrictS3()
    bucket.put(KEY, data, None)
    return Access(bucket, lambda _: None, random, lambda _: None)


def bomb(mib: int) -> bytes:
    return zstandard.compress(bytes(mib << 20), 19)


@pytest.mark.parametrize("reader", READERS)
def test_an_object_is_read_line_by_line_part_after_part(
    reader: Callable[[Access], Iterator[WrittenLine]],
) -> None:
    lines = [bytes([n]) * (3 << 20) for n in range(65, 70)]
    at = holding(b"".join(zstandard.compress(line + b"\n", -100) for line in lines))
    assert [(one.number, one.data) for one in reader(at)] == list(enumerate(lines, 1))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bomb(256), "1,000 times"),
        (bomb(8)[:-4], "too early"),
        (b"no zstd", "damaged"),
        (
            zstandard.compress(NOISE * (1 + WRITTEN_LINE_BYTES // len(NOISE)), 1),
            "longer than 64 MiB",
        ),
    ],
)
def test_what_is_no_object_of_lines_is_refused_by_its_name(
    reader: Callable[[Access], Iterator[WrittenLine]], data: bytes, reason: str
) -> None:
    with pytest.raises(BadInput, match=f"x.jsonl.zst.*{reason}"):
        list(reader(holding(data)))
