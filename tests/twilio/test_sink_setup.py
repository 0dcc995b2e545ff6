"""The next step follows from what is there, whoever took the steps before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from worker.twilio.sink_setup import (
    EVENT_SCHEMA_VERSION,
    EVENT_TYPE,
    AddType,
    Blocked,
    CreateSink,
    Done,
    RaiseVersion,
    Seen,
    SendTest,
    Step,
    Subscribe,
    SubscribedEvent,
    Subscription,
    TwilioSink,
    WantedSink,
    leads_to,
    next_step,
    sink_of,
)

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/calls"
WANTED = WantedSink(ARN, "arn:aws:iam::123456789012:role/twilio", "id-1")
CONFIGURATION = {"arn": ARN, "role_arn": WANTED.role, "external_id": WANTED.external_id}


def sink(status: str = "active", **changes: Any) -> TwilioSink:
    made = TwilioSink("DG1", "d", "kinesis", status, CONFIGURATION)
    return msgspec.structs.replace(made, **changes)


SUBSCRIBED = Subscription("DF1", "DG1")


def seen(status: str, version: int | None = None) -> Seen:
    if version is None:
        return Seen([sink(status)])
    return Seen([sink(status)], SUBSCRIBED, [SubscribedEvent(EVENT_TYPE, version)])


@pytest.mark.parametrize(
    ("there", "step"),
    [
        (Seen([]), CreateSink()),
        (seen("initialized"), SendTest(sink("initialized"))),
        (seen("validating"), SendTest(sink("validating"))),
        (seen("failed"), SendTest(sink("failed"))),
        (seen("active"), Subscribe(sink())),
        (Seen([sink()], SUBSCRIBED, [SubscribedEvent("other", 3)]), AddType(SUBSCRIBED)),
        (seen("active", 1), RaiseVersion(SUBSCRIBED, 1)),
        (seen("active", 2), RaiseVersion(SUBSCRIBED, 2)),
        (seen("active", EVENT_SCHEMA_VERSION), Done(sink())),
        (seen("active", EVENT_SCHEMA_VERSION + 1), Done(sink())),
    ],
)
def test_each_state_has_its_step(there: Seen, step: Step) -> None:
    assert next_step(WANTED, there) == step
    assert next_step(WantedSink("calls"), there) == step


@pytest.mark.parametrize("name", ["role_arn", "external_id"])
def test_a_sink_of_another_configuration_is_the_operators_to_change(name: str) -> None:
    other = sink(sink_configuration={**CONFIGURATION, name: "other"})
    step = next_step(WANTED, Seen([other]))
    assert isinstance(step, Blocked)
    assert f"another {name} (other)" in step.why
    assert next_step(WantedSink(ARN), Seen([other])) == Subscribe(other)


def test_several_sinks_to_one_stream_are_the_operators_to_choose_from() -> None:
    step = next_step(WANTED, Seen([sink(), sink(sid="DG2")]))
    assert isinstance(step, Blocked)
    assert "DG1, DG2" in step.why


@pytest.mark.parametrize(
    "other",
    [
        {"sink_type": "webhook"},
        {"sink_configuration": None},
        {"sink_configuration": "text"},
        {"sink_configuration": {"arn": None}},
        {"sink_configuration": {"arn": ARN + "-2"}},
    ],
)
def test_sinks_that_lead_elsewhere_are_none(other: dict[str, Any]) -> None:
    assert not leads_to(sink(**other), ARN)
    assert not leads_to(sink(**other), "calls")
    assert next_step(WANTED, Seen([sink(**other)])) == CreateSink()


def test_of_several_sinks_the_active_one_is_shown() -> None:
    assert sink_of(Seen([sink("failed", sid="DG2"), sink()]), "calls") == sink()
    assert sink_of(Seen([sink("failed")]), ARN) == sink("failed")
    assert sink_of(Seen([]), ARN) is None
