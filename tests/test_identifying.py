"""What identifies someone is found, and what merely looks like it in the worker's world isn't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.identifying import identifies_someone, marked


@given(st.text(max_size=64))
def test_what_is_marked_has_nothing_left_to_mark(text: str) -> None:
    assert marked(marked(text)) == marked(text)


@given(st.from_regex(r"\A[1-9][0-9]{9,18}\Z"), st.sampled_from(["{}", "tel:{}", "({})", "{}: x"]))
def test_a_long_number_is_found_without_a_plus(number: str, around: str) -> None:
    assert identifies_someone(around.format(number))
    assert number not in marked(around.format(number))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "s3://my-bucket/state/segments/000000000041-8f1d",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
        *("at 2026-10-02 12:00:00", "20261002", "1,048,576 bytes", "took 1791028800.125 s"),
        *("port 4566", "user@host", "1024 2048 4096", "python 3.11.7", "12:00:00.000"),
    ],
)
def test_names_times_and_sizes_stay(text: str) -> None:
    assert marked(text) == text


@pytest.mark.parametrize(
    "text", ["AC" + "0" * 32, "agent CA" + "a" * 32, "+15551234567", "10.0.0.1", "2001:db8::7"]
)
def test_ids_numbers_and_addresses_identify_someone(text: str) -> None:
    assert identifies_someone(text)


@pytest.mark.parametrize("text", ["production", "Support agent 2", "eu-west-1", "v1.2"])
def test_plain_labels_identify_nobody(text: str) -> None:
    assert not identifies_someone(text)
