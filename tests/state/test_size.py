"""How much room a state takes where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.state.commits import bulky, commit, taken
from tests.state.s3.buckets import NEVER, taken_in
from worker.state.store import Store
from worker.testing.strict_s3 import StrictS3

STORES: list[Callable[[Path], Store]] = [
    lambda folder: taken(folder / "state"),
    lambda _: taken_in(StrictS3(), NEVER),
]


@pytest.mark.parametrize("open_store", STORES, ids=["sqlite", "s3"])
def test_the_size_grows_by_what_is_committed(
    open_store: Callable[[Path], Store], tmp_path: Path
) -> None:
    with closing(open_store(tmp_path)) as store:
        before = store.size()
        store.append(commit(bulky(1, megabytes=1)))
        assert 900_000 < store.size() - before < 1_100_000
