"""What is wrong on Twilio's side is found, and what could not be asked is no failure of it."""

from __future__ import annotations

import pytest

from tests.twilio.accounts import AccountRest
from tests.twilio.test_event_streams import steps_to_done
from tests.twilio.test_sink_setup import ARN
from worker.doctor.findings import Verdict
from worker.doctor.probing_twilio import probe_twilio
from worker.doctor.twilio import TwilioFacts, twilio_findings
from worker.testing.twilio_account import TwilioAccount
from worker.twilio.rest import Parameters, RestAnswer
from worker.twilio.sink_setup import EVENT_TYPE


def findings(account: TwilioAccount, stream: str = ARN) -> dict[str, tuple[Verdict, str]]:
    rest = AccountRest(account)
    return {
        one.check.rpartition(": ")[2]: (one.verdict, one.detail)
        for one in twilio_findings(probe_twilio(rest, rest, stream), stream)
    }


def working() -> TwilioAccount:
    account = TwilioAccount({})
    steps_to_done(account)
    return account


@pytest.mark.parametrize("stream", [ARN, "calls"])
def test_all_is_well_where_it_is(stream: str) -> None:
    found = findings(working(), stream)
    assert list(found) == ["Twilio", "Advanced Features", "sink", "subscription"]
    assert {verdict for verdict, _ in found.values()} == {Verdict.OK}


def test_an_empty_account_lacks_a_sink() -> None:
    found = findings(TwilioAccount({}))
    assert found["sink"] == (Verdict.FAIL, "none leads to this stream")
    assert found["subscription"][0] is Verdict.NOT_KNOWN


def test_advanced_features_that_are_off_are_a_failure() -> None:
    account = working()
    account.advanced_features = False
    assert findings(account)["Advanced Features"][0] is Verdict.FAIL


@pytest.mark.parametrize("status", ["initialized", "validating", "failed"])
def test_a_sink_that_is_not_active_is_a_failure(status: str) -> None:
    account = working()
    next(iter(account.sinks.values()))["status"] = status
    assert findings(account)["sink"] == (Verdict.FAIL, f"DG{1:032x} is {status}, not active")


@pytest.mark.parametrize(
    ("types", "detail"),
    [
        ({EVENT_TYPE: 1}, "call events arrive at schema version 1"),
        ({"other": 3}, "it lacks call events"),
    ],
)
def test_a_subscription_that_falls_short_is_a_failure(types: dict[str, int], detail: str) -> None:
    account = working()
    next(iter(account.subscriptions.values()))["types"] = types
    assert findings(account)["subscription"] == (Verdict.FAIL, detail)


def test_a_sink_without_a_subscription_is_a_failure() -> None:
    account = working()
    account.subscriptions.clear()
    assert findings(account)["subscription"][0] is Verdict.FAIL


class Refusing:
    """Takes no credentials."""

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        return RestAnswer(401, b'{"code": 20003}')

    def post(self, path: str, form: Parameters) -> RestAnswer:
        raise AssertionError


def test_what_cannot_be_asked_is_one_failure_and_else_not_known() -> None:
    found = list(twilio_findings(probe_twilio(Refusing(), Refusing(), ARN), ARN))
    verdicts = [one.verdict for one in found]
    assert verdicts.count(Verdict.NOT_KNOWN) == 3
    assert {one.check for one in found if one.verdict is Verdict.FAIL} == {"Twilio"}
    assert list(twilio_findings(TwilioFacts((), None, None), ARN))[1].verdict is Verdict.NOT_KNOWN
