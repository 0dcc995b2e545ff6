"""What an operator has set is told as it is."""

from __future__ import annotations

import pytest

from worker.logs.redaction import redact_text
from worker.settings.model import Settings
from worker.settings.readable import readable


@pytest.mark.parametrize(
    "text",
    [
        "can't listen at 10.1.2.3, port 8080",
        'Could not connect to the endpoint URL: "http://192.0.2.7:4566/"',
        "can't write /data/1-800-555-0100/records.jsonl",
    ],
)
def test_places_and_addresses_of_the_settings_stay_and_all_others_go(text: str) -> None:
    own = readable(
        Settings(
            health_host="10.1.2.3",
            endpoint_url="http://192.0.2.7:4566",
            records="/data/1-800-555-0100/records.jsonl",
        )
    )
    assert redact_text(f"{text}, from 198.51.100.7", own) == f"{text}, from [ip]"
