"""Whatever compressed data holds, little of it is in memory at once, and a bomb is refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Unreadable
from worker.recordings.unpacking import Compression, CutOff, decompressed, lines_in

MIB = 1 << 20
COMPRESSIONS: list[Compression] = ["zst", "gz"]


def packed(blocks: Iterable[bytes], compression: Compression) -> bytes:
    out = BytesIO()
    with (
        zstandard.ZstdCompressor(level=19).stream_writer(out, closefd=False)
        if compression == "zst"
        else gzip.open(out, "wb")
    ) as writer:
        for block in blocks:
            writer.write(block)
    return out.getvalue()


def zeros(mib: int) -> Iterator[bytes]:
    return (bytes(MIB) for _ in range(mib))


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(1, 700))
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_was_packed_comes_out_again_however_it_is_cut(
    compression: Compression, parts: list[bytes], size: int
) -> None:
    data = b"".join(packed([part], compression) for part in parts)
    blocks = [data[start : start + size] for start in range(0, len(data), size)]
    assert b"".join(decompressed(blocks, compression)) == b"".join(parts)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_of_what_unpacks_to_much_a_few_megabytes_are_in_memory_at_once(
    compression: Compression,
) -> None:
    largest = 0
    for block in decompressed([packed(zeros(48), compression)], compression):
        largest = max(largest, len(block))
    assert 0 < largest <= 16 * MIB


def test_what_unpacks_to_a_thousand_times_its_size_is_refused_before_it_has() -> None:
    blocks = decompressed([packed(zeros(256), "zst")], "zst")
    assert sum(map(len, islice(blocks, 4))) <= 64 * MIB
    with pytest.raises(Unreadable, match="1,000 times"):
        list(blocks)


def test_what_repeats_itself_a_little_less_is_read() -> None:
    line = bytes(range(256)) * 40
    blocks = (line * 100 for _ in range(80))
    data = packed(blocks, "gz")
    assert sum(map(len, decompressed([data], "gz"))) == 80 * 100 * len(line)


@given(st.lists(st.binary(max_size=20)), st.integers(1, 15))
def test_lines_are_what_stands_between_newlines_up_to_a_bound(
    blocks: list[bytes], longest: int
) -> None:
    lines = b"".join(blocks).split(b"\n")
    if not lines[-1]:
        lines.pop()
    found = list(lines_in(blocks, longest))
    assert [one[:longest] for one in found if isinstance(one, bytes)] == [
        line[:longest] for line in lines
    ]
    assert [len(one) > longest for one in found] == [len(line) > longest for line in lines]


def test_a_line_without_an_end_is_not_gathered() -> None:
    (line,) = lines_in(zeros(64), MIB)
    assert isinstance(line, bytes)
    assert len(line) == MIB + 1


def test_data_that_breaks_off_keeps_the_line_begun() -> None:
    data = packed([b"one\ntw"], "gz")[:-3]
    assert list(lines_in(decompressed([data], "gz"), MIB)) == [
        b"one",
        CutOff("compressed data ends too early", b"tw"),
    ]
