"""What one event gives to the metrics by itself, and what it must never give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import BASE, Result, cloud_event, records
from worker.stream.record import Record

NO_INTEGERS: tuple[Any, ...] = (True, "5", 5.0, 5.5, None, [5], {})


@given(st.integers(-3_600_000, 3_600_000))
def test_a_delivery_delay_is_never_below_zero(delay: int) -> None:
    record = Record("shard-0", "1", BASE + delay, cloud_event(0, "dtmf"), "")
    assert Result([record]).samples("DeliveryDelay") == [max(0, delay)]


@pytest.mark.parametrize("value", [0, 230, 600_000])
def test_a_latency_from_0_to_600000_is_a_sample(value: int) -> None:
    found = Result(records([(0, "stt_latency", {"latency_ms": value})]))
    assert found.samples("SttLatency") == [value]
    assert found.samples("InvalidLatencies") == []


@pytest.mark.parametrize("value", [-1, 600_001, 2**70, *NO_INTEGERS])
@pytest.mark.parametrize("name", ["stt_latency", "tts_latency"])
def test_any_other_latency_is_counted_and_gives_no_sample(name: str, value: Any) -> None:
    found = Result(records([(0, name, {"latency_ms": value})]))
    assert found.samples("InvalidLatencies") == [1]
    assert not {metric for metric, _, _ in found.window} & {"SttLatency", "TtsLatency"}


@pytest.mark.parametrize(
    ("value", "invalid"),
    [(-1, [2]), (2**70, [2]), (20.0, [2]), ("5", [2]), (True, [2]), (2**53 + 1, [2]), (None, [])],
)
def test_tokens_and_words_that_are_no_counts_are_counted_as_invalid(
    value: Any, invalid: list[int]
) -> None:
    payload = {"total_tokens": value, "total_words": value}
    found = Result(records([(0, "final_token_received", payload)]))
    assert found.record["invalid_tokens"] == sum(invalid)
    assert sum(found.samples("InvalidTokens")) == sum(invalid)


@pytest.mark.parametrize("value", [-1, 2**70, *NO_INTEGERS])
def test_tokens_and_words_that_are_no_integers_count_for_nothing(value: Any) -> None:
    payload = {"total_tokens": value, "total_words": value}
    found = Result(records([(0, "final_token_received", payload)]))
    assert not {metric for metric, _, _ in found.window} & {"Tokens", "Words"}
    assert (found.record["tokens"]["total"], found.record["tokens"]["words"]) == (0, 0)
    assert found.record["tokens"]["replies"] == 1
