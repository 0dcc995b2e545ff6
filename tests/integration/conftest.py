"""One LocalStack for all tests here that one process runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.localstack import LocalStack, lacking, serving


@pytest.fixture(scope="session")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Skips the test where LocalStack can't be; fails it in CI, where it must be."""
    reason = lacking()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"in CI nothing is skipped: {reason}")
        pytest.skip(reason)
    with serving(tmp_path_factory.mktemp("localstack")) as started:
        yield started
