"""What settings mean to the parts of the worker."""

from __future__ import annotations

import pytest

from worker.settings.model import Settings
from worker.settings.rules import page_is_served


@pytest.mark.parametrize(
    ("host", "setting", "served"),
    [
        *(("127.0.0.1", "auto", True), ("127.0.0.1", "off", False), ("::1", "auto", True)),
        *(("0.0.0.0", "auto", False), ("10.0.0.1", "auto", False), ("0.0.0.0", "on", True)),
    ],
)
def test_the_page_is_served_on_loopback_or_where_it_is_on(
    host: str, setting: str, served: bool
) -> None:
    values = {"health_host": host, "page": setting}
    assert page_is_served(Settings.model_validate({**values, "health_port": 1})) == served
    assert not page_is_served(Settings.model_validate(values))
