"""The stub answers as the interfaces are documented to, to those who have the key."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from tests.twilio.accounts import WHOLE, records_of, streamed
from worker.testing.twilio_account import Faults, TwilioAccount, TwilioCall
from worker.testing.twilio_rest import SECRET, USER, simulated_calls, twilio_rest

CALLS = simulated_calls(replace(WHOLE, sessions=4), 2)
CALL = next(iter(CALLS.values()))
EVENTS = f"/v1/Voice/{CALL.call_sid}/Events"
KEY = (USER, SECRET)


def test_only_the_key_opens_it() -> None:
    with twilio_rest(TwilioAccount(CALLS)) as url:
        for wrong in (None, (USER, "other"), ("other", SECRET)):
            refused = httpx.get(f"{url}{EVENTS}", auth=wrong)
            assert (refused.status_code, refused.json()["code"]) == (401, 20003)
        assert httpx.get(f"{url}{EVENTS}", auth=KEY).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}{EVENTS}", auth=KEY)


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_pages_hold_every_row_once_and_the_last_one_names_no_other(size: int) -> None:
    with twilio_rest(TwilioAccount(CALLS)) as url:
        rows, path = [], f"{EVENTS}?PageSize={size}"
        while path:
            page = httpx.get(f"{url}{path}", auth=KEY).json()
            assert page["meta"]["key"] == "events"
            assert len(page["events"]) <= size
            rows += page["events"]
            following = page["meta"]["next_page_url"]
            assert following is None or following.startswith("https://insights.twilio.com/v1/")
            path = following and following.removeprefix("https://insights.twilio.com")
    assert rows == CALL.rows


def test_what_is_not_ready_is_404_until_it_is() -> None:
    with twilio_rest(TwilioAccount(CALLS, Faults(not_ready=2))) as url:
        found = [httpx.get(f"{url}{EVENTS}", auth=KEY) for _ in range(4)]
    assert [one.status_code for one in found] == [404, 404, 200, 200]
    assert found[0].json()["code"] == 20404


def test_too_many_requests_have_their_code_and_say_how_long_to_wait() -> None:
    with twilio_rest(TwilioAccount(CALLS, Faults(too_many_every=2))) as url:
        found = [httpx.get(f"{url}{EVENTS}", auth=KEY) for _ in range(4)]
    assert [one.status_code for one in found] == [200, 429, 200, 429]
    assert found[1].json()["code"] == 20429
    assert found[1].headers["Retry-After"] == "1"


def test_a_summary_is_partial_or_complete() -> None:
    partial = replace(CALL, processing_state="partial")
    with twilio_rest(TwilioAccount({CALL.call_sid: partial})) as url:
        path = f"{url}/v1/Voice/{CALL.call_sid}/Summary"
        found = {
            state: httpx.get(path, params={"ProcessingState": state}, auth=KEY).status_code
            for state in ("complete", "partial")
        }
    assert found == {"complete": 404, "partial": 200}


def test_a_subscription_needs_an_active_sink() -> None:
    account = TwilioAccount(CALLS)
    with twilio_rest(account) as url:
        made = httpx.post(
            f"{url}/v1/Sinks",
            data={"Description": "d", "SinkType": "kinesis", "SinkConfiguration": "{}"},
            auth=KEY,
        )
        assert (made.status_code, made.json()["status"]) == (201, "initialized")
        form = {"Description": "d", "SinkSid": made.json()["sid"], "Types": "{}"}
        refused = httpx.post(f"{url}/v1/Subscriptions", data=form, auth=KEY)
    assert refused.status_code == 400
    assert account.subscriptions == {}


def test_simulated_calls_have_the_sessions_of_the_stream() -> None:
    traffic = replace(WHOLE, sessions=4)
    sessions = {one["session_id"] for call in CALLS.values() for one in call.sessions}
    assert sessions == {record.session_id for record in records_of(streamed(traffic, 2))}
    assert all(isinstance(call, TwilioCall) and call.rows for call in CALLS.values())
