"""What is remembered of calls, and that it never says more than was put."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import CorruptState, Misconfigured
from worker.pinecall.checkpoint import (
    Checkpoint,
    ProgressBook,
    claimed,
    decode_checkpoint,
    encode_checkpoint,
)

SOURCE = "https://pinecall acct"


def _book() -> ProgressBook:
    return ProgressBook(Checkpoint(1, SOURCE, 1, None, {}))


@given(st.lists(st.tuples(st.integers(0, 99), st.none() | st.integers(0, 999))))
def test_what_is_stored_is_read_back(steps: list[tuple[int, int | None]]) -> None:
    book = _book()
    book.find("c", 5)
    for read, put in steps:
        book.advance("c", read, put)
    stored = book.stored()
    assert decode_checkpoint(encode_checkpoint(stored), "here") == stored
    assert not book.changed


def test_a_call_is_found_once() -> None:
    book = _book()
    assert book.find("c", 0)
    assert not book.find("c", 7)
    assert book["c"].started == 7
    assert not book.find("c", 9)
    assert book["c"].started == 7


def test_from_a_gap_that_was_not_read_on_nothing_counts_as_put() -> None:
    book = _book()
    book.find("c", 1)
    book.advance("c", 4, 256)
    book.doubt("c")
    book.advance("c", 9, 576)
    assert (book["c"].read, book["c"].put) == (9, 256)


def test_finished_calls_are_forgotten_once_no_list_names_them() -> None:
    book = _book()
    for call, started in (("old", 10), ("young", 90), ("open", 10)):
        book.find(call, started)
    book.finish("old")
    book.finish("young")
    book.list_read(100, 50)
    assert set(book.stored().calls) == {"young", "open"}
    assert book.unfinished() == ["open"]
    assert book.listed == 100
    book.advance("old", 9, 576)
    assert set(book.stored().calls) == {"young", "open"}


def test_unfinished_calls_come_in_the_order_in_which_they_began() -> None:
    book = _book()
    for call, started in (("b", 2), ("c", 3), ("a", 1)):
        book.find(call, started)
    assert book.unfinished() == ["a", "b", "c"]


def test_each_owner_has_an_epoch_of_its_own_so_that_no_two_documents_are_equal() -> None:
    first = claimed(SOURCE, None, "here")
    second = claimed(SOURCE, first, "here")
    assert [decode_checkpoint(data, "here").epoch for data in (first, second)] == [1, 2]


def test_the_checkpoint_of_another_source_is_refused_with_advice() -> None:
    with pytest.raises(Misconfigured, match="name another one"):
        claimed("https://other acct", claimed(SOURCE, None, "here"), "here")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff", b'{"version":2,"source":"s","epoch":1,"listed":null,"calls":{}}']
)
def test_what_is_damaged_or_of_another_release_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptState, match="here"):
        decode_checkpoint(data, "here")
