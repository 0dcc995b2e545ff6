"""Steps to a sink that works, against an account; each may be taken again."""

from __future__ import annotations

import json

import pytest

from tests.twilio.accounts import AccountRest
from tests.twilio.test_sink_setup import ARN, WANTED
from worker.errors import Misconfigured, Unreachable
from worker.testing.twilio_account import TwilioAccount
from worker.twilio.event_streams import EventStreams, advanced_features
from worker.twilio.rest import Parameters, RestAnswer
from worker.twilio.sink_setup import (
    EVENT_TYPE,
    AddType,
    CreateSink,
    Done,
    RaiseVersion,
    SendTest,
    Step,
    Subscribe,
    next_step,
)


class Mail(list[bytes]):
    """What came to the stream."""

    @property
    def test_id(self) -> str:
        found = json.loads(self[-1])["data"]["test_id"]
        assert isinstance(found, str)
        return found


def take(streams: EventStreams, step: Step, mail: Mail) -> None:
    if isinstance(step, CreateSink):
        streams.create(WANTED)
    elif isinstance(step, SendTest):
        streams.send_test(step.sink)
        streams.validate(step.sink, mail.test_id)
    elif isinstance(step, Subscribe | AddType | RaiseVersion):
        streams.subscribe(step, WANTED.description)


def steps_to_done(account: TwilioAccount) -> list[str]:
    """Take each next step until there is none."""
    mail = Mail()
    account.deliver = mail.append
    streams = EventStreams(AccountRest(account))
    taken: list[str] = []
    while not isinstance(step := next_step(WANTED, streams.look(ARN)), Done):
        take(streams, step, mail)
        taken.append(type(step).__name__)
        assert len(taken) < 5
    return taken


def test_an_empty_account_gets_a_sink_that_works() -> None:
    account = TwilioAccount({})
    assert steps_to_done(account) == ["CreateSink", "SendTest", "Subscribe"]
    (made,) = account.sinks.values()
    assert made["status"] == "active"
    assert made["sink_configuration"] == {
        "arn": ARN,
        "role_arn": WANTED.role,
        "external_id": WANTED.external_id,
    }
    (subscription,) = account.subscriptions.values()
    assert subscription["types"] == {EVENT_TYPE: 3}
    assert steps_to_done(account) == []


@pytest.mark.parametrize(("version", "step"), [(1, "RaiseVersion"), (None, "AddType")])
def test_a_subscription_that_falls_short_is_mended(version: int | None, step: str) -> None:
    account = TwilioAccount({})
    steps_to_done(account)
    (subscription,) = account.subscriptions.values()
    subscription["types"] = {"other": 1} if version is None else {EVENT_TYPE: version}
    assert steps_to_done(account) == [step]
    assert subscription["types"][EVENT_TYPE] == 3


def test_many_sinks_are_listed_to_the_end() -> None:
    account = TwilioAccount({})
    account.sinks = {
        f"DG{n}": {"sid": f"DG{n}", "sink_type": "webhook", "status": "active"} for n in range(2500)
    }
    assert steps_to_done(account)[0] == "CreateSink"
    assert len(EventStreams(AccountRest(account)).look(ARN).sinks) == 2501


class Unfiltered(AccountRest):
    """Lists the subscriptions of all sinks, whatever it is asked for."""

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        return super().get(path, {k: v for k, v in parameters.items() if k != "SinkSid"})


def test_another_sinks_subscription_is_not_taken_for_its_own() -> None:
    account = TwilioAccount({})
    steps_to_done(account)
    (subscription,) = account.subscriptions.values()
    subscription["sink_sid"] = "DGother"
    assert EventStreams(Unfiltered(account)).look(ARN).subscription is None


def test_a_test_id_that_is_not_taken_is_the_operators() -> None:
    account = TwilioAccount({})
    streams = EventStreams(AccountRest(account))
    made = streams.create(WANTED)
    with pytest.raises(Misconfigured):
        streams.validate(made, "another")
    assert account.sinks[made.sid]["status"] == "initialized"


class Answering:
    """Answers everything so."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        return RestAnswer(200, self._body)

    def post(self, path: str, form: Parameters) -> RestAnswer:
        return RestAnswer(201, self._body)


def test_results_that_are_not_good_are_no_success() -> None:
    sink = EventStreams(AccountRest(TwilioAccount({}))).create(WANTED)
    for body in (b"{}", b'{"result": "other"}'):
        with pytest.raises(Unreachable, match="did not submit"):
            EventStreams(Answering(body)).send_test(sink)
        with pytest.raises(Misconfigured, match="test id"):
            EventStreams(Answering(body)).validate(sink, "1")


@pytest.mark.parametrize(
    ("body", "on"),
    [
        (b'{"advanced_features": true}', True),
        (b'{"advanced_features": false}', False),
        (b"{}", None),
    ],
)
def test_advanced_features_are_as_twilio_tells(body: bytes, on: bool | None) -> None:
    assert advanced_features(Answering(body)) is on


def test_a_list_of_other_things_is_not_twilios() -> None:
    with pytest.raises(Unreachable, match="not Twilio"):
        EventStreams(Answering(b'{"sinks": [7], "meta": {}}')).look(ARN)
