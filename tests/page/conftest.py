"""One browser for all tests here that one process runs and the report most look at."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.page.browser import Browser, browsing, lacking, written
from tests.page.calls import records


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Skips the test where there is no browser; fails it in CI, where there must be one."""
    reason = lacking()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"in CI nothing is skipped: {reason}")
        pytest.skip(reason)
    with browsing() as started:
        yield started


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report of sixty calls, all of them in full."""
    return written(tmp_path_factory.mktemp("report"), records())[0]
