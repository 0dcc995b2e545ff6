"""What calls come to, and what their dates tell of the clocks."""

from __future__ import annotations

from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from worker.doctor.facts import ProbeOutcome
from worker.doctor.probes import Prober, ResponseFields

NOON = 1_790_942_400_000
SKEWS = st.lists(st.integers(-86_400, 86_400), min_size=1, max_size=4)


def dated(at_ms: int) -> ResponseFields:
    headers = {"date": formatdate(at_ms / 1000, usegmt=True)}
    return {"ResponseMetadata": {"HTTPHeaders": headers}}


@given(st.dictionaries(st.sampled_from(["kinesis", "cloudwatch"]), SKEWS, min_size=1))
def test_the_clocks_are_told_of_the_service_that_is_farthest_off(
    answers: dict[str, list[int]],
) -> None:
    prober = Prober(lambda: NOON)
    for service, skews in answers.items():
        for skew_s in skews:
            at = NOON - 1000 * skew_s
            prober.probe(f"{service}:Ask", "s", lambda at=at: dated(at), lambda answer: answer)  # type: ignore[misc]
    farthest = max(min(abs(1000 * s - 500) for s in skews) for skews in answers.values())
    assert prober.clocks is not None
    assert abs(prober.clocks.skew_ms) == farthest


def test_an_answer_without_what_is_read_of_it_is_not_the_services() -> None:
    prober = Prober(lambda: NOON)
    found = prober.probe("kinesis:ListShards", "s", dict, lambda answer: answer["Shards"])
    assert found is None
    (probed,) = prober.probed
    assert probed.result is ProbeOutcome.OTHER
    assert probed.detail == "what answers is not Kinesis (KeyError, it has no Shards)"
