"""The index of evicted sessions: what is no longer kept is neither found nor held in memory."""

from __future__ import annotations

import sqlite3

import pytest

from worker.state.s3.index import EvictedIndex
from worker.state.s3.manifest import Extent
from worker.state.s3.segment import EvictedExtent

OLD = EvictedExtent(b"old", closed_at=10, start=0, length=4)
NEW = EvictedExtent(b"new", closed_at=20, start=4, length=4)


def test_what_is_pruned_is_gone_for_good() -> None:
    index = EvictedIndex()
    index.add(1, [OLD, NEW])
    index.forget(20)
    assert index.find(b"old") is None
    index.prune()
    index.forget(None)
    assert index.find(b"old") is None
    assert index.find(b"new") == Extent(1, 4, 4)


def test_a_closed_index_holds_nothing() -> None:
    index = EvictedIndex()
    index.close()
    with pytest.raises(sqlite3.ProgrammingError):
        index.find(b"old")
