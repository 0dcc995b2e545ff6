"""Simulated calls agree with the summaries that the stub makes of them by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from tests.twilio.accounts import NOW, WHOLE, AccountRest, records_of, streamed
from worker.errors import Misconfigured
from worker.sessions.schema import SessionRecord
from worker.testing.habits import Habits
from worker.testing.twilio_account import TwilioAccount
from worker.testing.twilio_rest import simulated_calls
from worker.twilio.comparison import SessionCompared
from worker.twilio.rest import Parameters, RestAnswer
from worker.twilio.verification import KEPT_MS, READY_MS, select, verify_calls

PLAIN = Habits(
    **dict.fromkeys(
        ("coughs", "back_to_back", "tool_delays", "key_presses", "barge_ins", "silences"), 0.0
    ),
    preemptions=0.0,
    media=0.0,
    errors=0.0,
    early_hellos=0.0,
    no_wrap_up=0.0,
    bad_latencies=0.0,
)


def verified(
    account: TwilioAccount, records: list[SessionRecord], now: int = NOW
) -> list[SessionCompared]:
    chosen = select(records, now, None).records
    return list(verify_calls(AccountRest(account), chosen, now, lambda _: None))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_plain_calls_are_equal(seed: int) -> None:
    traffic = replace(WHOLE, sessions=200, habits=PLAIN)
    compared = verified(
        TwilioAccount(simulated_calls(traffic, seed)), records_of(streamed(traffic, seed))
    )
    assert len(compared) == 200
    assert {one.verdict for one in compared} == {"equal"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_calls_of_all_habits_differ_in_nothing(seed: int) -> None:
    traffic = replace(WHOLE, sessions=200)
    compared = verified(
        TwilioAccount(simulated_calls(traffic, seed)), records_of(streamed(traffic, seed))
    )
    assert len(compared) == 200
    reasons = Counter(
        one.reason for session in compared for one in session.fields if one.verdict != "equal"
    )
    assert reasons.keys() <= {"ambiguous replies", "no sample", "no wrap-up", "invalid latencies"}
    assert all(one.verdict != "different" for one in compared)
    assert sum(one.verdict == "equal" for one in compared) > 140


def test_forty_calls_of_all_habits_differ_in_nothing() -> None:
    compared = verified(TwilioAccount(simulated_calls(WHOLE, 7)), records_of(streamed(WHOLE, 7)))
    assert len(compared) == 40
    assert all(one.verdict != "different" for one in compared)


def test_what_the_stream_lost_is_explained() -> None:
    records = records_of(streamed(replace(WHOLE, lost=0.05), 1))
    compared = verified(TwilioAccount(simulated_calls(WHOLE, 1)), records)
    reasons = Counter(one.reason for session in compared for one in session.fields)
    assert reasons["missing events"] > 20
    assert [one for one in compared if one.verdict == "different"] == []


def test_a_call_without_a_summary_differs_once_it_must_have_one() -> None:
    records = records_of(streamed(WHOLE, 1))
    account = TwilioAccount(simulated_calls(WHOLE, 1))
    gone = records[0].call_sid
    del account.calls[gone]
    found = [one for one in verified(account, records) if one.call_sid == gone]
    assert {one.verdict for one in found} == {"different"}
    early = [one for one in verified(account, records, NOW - READY_MS) if one.call_sid == gone]
    assert {one.fields[0].reason for one in early} == {"no summary yet"}


def test_a_session_that_only_twilio_has_differs() -> None:
    records = records_of(streamed(WHOLE, 1))
    account = TwilioAccount(simulated_calls(WHOLE, 1))
    call = account.calls[records[0].call_sid]
    call.sessions.append({"session_id": "VXother"})
    (found,) = [one for one in verified(account, records) if one.verdict == "different"]
    assert (found.session_id, found.fields[0].field) == ("VXother", "session")


def test_a_partial_summary_is_taken_where_there_is_no_complete_one() -> None:
    records = records_of(streamed(WHOLE, 1))
    account = TwilioAccount(simulated_calls(WHOLE, 1))
    call = account.calls[records[0].call_sid]
    call.processing_state = "partial"
    call.sessions[0]["tokens"]["total"] += 1
    found = [one for one in verified(account, records) if one.call_sid == call.call_sid]
    (tokens,) = [one for one in found[0].fields if one.field == "tokens"]
    assert (tokens.verdict, tokens.reason) == ("explained", "partial summary")


def test_records_that_twilio_has_nothing_of_are_left_out_and_counted() -> None:
    records = records_of(streamed(WHOLE, 1))
    foreign = msgspec.structs.replace(records[0], platform="another")
    chosen = select([*records, foreign], NOW, None)
    assert (len(chosen.records), chosen.too_old, chosen.foreign) == (len(records), 0, 1)
    late = select(records, NOW + KEPT_MS, None)
    assert (late.records, late.too_old) == ([], len(records))


def test_a_sample_is_of_whole_calls_and_the_same_each_time() -> None:
    records = records_of(streamed(WHOLE, 1))
    few, more = (select(records, NOW, n).records for n in (5, 10))
    assert len({one.call_sid for one in few}) == 5
    assert {one.session_id for one in few} <= {one.session_id for one in more}
    assert select(list(reversed(records)), NOW, 5).records == few
    assert select(records, NOW, 10_000).records == select(records, NOW, None).records


class Refusing:
    """Takes no credentials."""

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        return RestAnswer(401, b'{"code": 20003}')

    def post(self, path: str, form: Parameters) -> RestAnswer:
        raise AssertionError


def test_credentials_that_are_not_taken_end_it() -> None:
    chosen = select(records_of(streamed(WHOLE, 1)), NOW, 1).records
    with pytest.raises(Misconfigured, match="check the API key"):
        list(verify_calls(Refusing(), chosen, NOW, lambda _: None))
