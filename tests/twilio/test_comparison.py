"""Each deviation is reported as what it is; what the record admits explains a difference."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.twilio.accounts import WHOLE, records_of, streamed
from worker.sessions.schema import SessionRecord
from worker.testing.twilio_rest import simulated_calls
from worker.twilio.comparison import SessionCompared, compare, without_record, without_summary
from worker.twilio.summaries import AgentSession


def sessions() -> dict[str, dict[str, Any]]:
    return {
        one["session_id"]: one
        for call in simulated_calls(WHOLE, 1).values()
        for one in call.sessions
    }


THEIRS = sessions()


def beyond_doubt() -> SessionRecord:
    """A record that admits nothing, of a session with samples of everything."""
    return next(
        one
        for one in records_of(streamed(WHOLE, 1))
        if not (one.completeness.missing or one.ambiguous_replies or one.unattributed_replies)
        if not (one.ambiguous_turns or one.invalid_latencies)
        if one.end_status is not None and one.turns > 5 and one.latency_ms.application
    )


OURS = beyond_doubt()


def beside(changes: dict[str, Any], record: SessionRecord = OURS) -> SessionCompared:
    """The record beside the session's summary with ``changes``."""
    theirs = {**THEIRS[record.session_id], **changes}
    return compare(record, msgspec.convert(theirs, AgentSession), partial=False)


def off(compared: SessionCompared) -> list[tuple[str, str, str | None]]:
    return [(one.field, one.verdict, one.reason) for one in compared.fields if off_of(one)]


def off_of(one: Any) -> bool:
    return bool(one.verdict != "equal")


DOUBLED: dict[str, Any] = {"min": 2.0, "max": 4000.0, "avg": 2000.0}
DEVIATIONS: dict[str, dict[str, Any]] = {
    "stt_latency_ms": {"stt_latency_ms": DOUBLED},
    "tts_latency_ms": {"tts_latency_ms": DOUBLED},
    "application_latency_ms": {"application_latency_ms": DOUBLED},
    "tokens": {"tokens": {"total": OURS.tokens.total + 1}},
    "words": {"words": {"total": OURS.tokens.words - 1}},
    "turns": {"turns": 2 * OURS.turns + 3},
    "interruptions_by_customer": {
        "interruptions": {
            "customer_to_agent": OURS.interruptions.by_customer + 1,
            "agent_to_customer": OURS.interruptions.by_agent,
        }
    },
    "interruptions_by_agent": {
        "interruptions": {
            "customer_to_agent": OURS.interruptions.by_customer,
            "agent_to_customer": OURS.interruptions.by_agent + 1,
        }
    },
    "end_status": {"session_state": "other"},
}


def test_what_agrees_is_equal() -> None:
    compared = beside({})
    assert compared.verdict == "equal"
    assert [one.field for one in compared.fields] == list(DEVIATIONS)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_is_found_by_its_name_and_alone(name: str) -> None:
    compared = beside(DEVIATIONS[name])
    assert compared.verdict == "different"
    assert off(compared) == [(name, "different", None)]


@pytest.mark.parametrize("part", ["min", "max", "avg"])
def test_each_part_of_a_latency_counts_and_rounding_does_not(part: str) -> None:
    theirs = THEIRS[OURS.session_id]["stt_latency_ms"]
    rounded = {"stt_latency_ms": {**theirs, part: theirs[part] + 0.5}}
    wrong = {"stt_latency_ms": {**theirs, part: theirs[part] + 0.6}}
    assert beside(rounded).verdict == "equal"
    assert off(beside(wrong)) == [("stt_latency_ms", "different", None)]


NOTHING: dict[str, Any] = {"min": 0.0, "max": 0.0, "avg": 0.0}


@pytest.mark.parametrize("name", ["stt", "tts", "application"])
def test_three_zeros_mean_no_sample(name: str) -> None:
    without = replace(OURS, latency_ms=replace(OURS.latency_ms, **{name: None}))
    field = f"{name}_latency_ms"
    assert off(beside({field: NOTHING}, without)) == [(field, "explained", "no sample")]
    assert off(beside({field: None}, without)) == []
    assert off(beside({field: NOTHING})) == [(field, "different", None)]
    assert off(beside({}, without)) == [(field, "different", None)]


@pytest.mark.parametrize(
    ("changes", "fields", "reason"),
    [
        ({"ambiguous_replies": 1}, {"application_latency_ms"}, "ambiguous replies"),
        ({"unattributed_replies": 1}, {"application_latency_ms"}, "ambiguous replies"),
        ({"doubtful_prompts": 1}, {"application_latency_ms"}, "in doubt"),
        ({"doubtful_turns": 1}, {"turns"}, "in doubt"),
        ({"continued": True}, set(DEVIATIONS), "record in parts"),
        ({"invalid_latencies": 1}, {"stt_latency_ms", "tts_latency_ms"}, "invalid latencies"),
        ({"end_status": None}, set(DEVIATIONS), "no wrap-up"),
    ],
)
def test_what_a_record_admits_explains_what_it_bears_on(
    changes: dict[str, Any], fields: set[str], reason: str
) -> None:
    record = replace(OURS, **changes)
    for name, deviation in DEVIATIONS.items():
        found = [one for one in off(beside(deviation, record)) if one[0] == name]
        expected = ("explained", reason) if name in fields else ("different", None)
        assert found == [(name, *expected)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"missing": 1}, "missing events"),
        ({"cut": 1}, "missing events"),
        ({"first_sequence": 2}, "missing events"),
        ({"conflicts": 1}, "conflicting events"),
    ],
)
@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_record_with_holes_explains_every_difference(
    name: str, changes: dict[str, int], reason: str
) -> None:
    record = replace(OURS, completeness=replace(OURS.completeness, **changes))
    assert off(beside(DEVIATIONS[name], record)) == [(name, "explained", reason)]


def test_a_record_that_admits_something_is_equal_all_the_same_where_it_agrees() -> None:
    record = replace(OURS, completeness=replace(OURS.completeness, missing=3))
    assert beside({}, record).verdict == "equal"


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_partial_summary_explains_every_difference(name: str) -> None:
    theirs = msgspec.convert({**THEIRS[OURS.session_id], **DEVIATIONS[name]}, AgentSession)
    compared = compare(OURS, theirs, partial=True)
    assert off(compared) == [(name, "explained", "partial summary")]


def test_turns_are_equal_within_their_tolerance() -> None:
    compared = beside({"turns": OURS.turns + 2})
    assert compared.verdict == "equal"
    assert [one.reason for one in compared.fields if one.field == "turns"] == ["within tolerance"]


def test_a_session_without_its_counterpart_is_a_difference_of_its_own() -> None:
    theirs = msgspec.convert(THEIRS[OURS.session_id], AgentSession)
    assert off(without_summary(OURS, recent=False)) == [("session", "different", None)]
    assert off(without_summary(OURS, recent=True)) == [("session", "explained", "no summary yet")]
    (found,) = without_record(OURS.call_sid, theirs).fields
    assert (found.verdict, found.ours, found.theirs) == ("different", "-", OURS.session_id)
