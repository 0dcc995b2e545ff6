"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from worker.testing.moto_server import embedded_aws


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An embedded AWS for the tests of a module, empty at first."""
    with embedded_aws() as url:
        yield url
