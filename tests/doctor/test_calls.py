"""What calls come to, and what their dates tell of the clocks."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from worker.doctor.calls import Calls, Fields
from worker.doctor.facts import Result

NOON = 1_790_942_400_000
SKEWS = st.lists(st.integers(-86_400, 86_400), min_size=1, max_size=4)


def dated(at_ms: int) -> Fields:
    headers = {"date": formatdate(at_ms / 1000, usegmt=True)}
    return {"ResponseMetadata": {"HTTPHeaders": headers}}


@given(st.dictionaries(st.sampled_from(["kinesis", "cloudwatch"]), SKEWS, min_size=1))
def test_the_clocks_are_told_of_the_service_that_is_farthest_off(
    answers: dict[str, list[int]],
) -> None:
    calls = Calls(lambda: NOON)
    for service, skews in answers.items():
        for skew_s in skews:
            at = NOON - 1000 * skew_s
            calls.make(f"{service}:Ask", "s", lambda at=at: dated(at), lambda answer: answer)  # type: ignore[misc]
    farthest = max(min(abs(1000 * s - 500) for s in skews) for skews in answers.values())
    assert calls.clocks is not None
    assert abs(calls.clocks.skew_ms) == farthest


def test_an_answer_without_what_is_read_of_it_is_not_the_services() -> None:
    calls = Calls(lambda: NOON)
    found = calls.make("kinesis:ListShards", "s", dict, lambda answer: answer["Shards"])
    assert found is None
    (asked,) = calls.asked
    assert asked.result is Result.OTHER
    assert asked.detail == "what answers is not Kinesis (KeyError, it has no Shards)"
