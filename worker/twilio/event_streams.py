"""Event Streams: reading sinks and subscriptions, and the requests that set them up. Shell."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from worker.errors import Misconfigured, Unreachable
from worker.twilio.rest import Parameters, Rest, all_rows, decode_answer
from worker.twilio.sink_setup import (
    EVENT_SCHEMA_VERSION,
    EVENT_TYPE,
    KINESIS,
    AddType,
    RaiseVersion,
    Seen,
    Subscribe,
    SubscribedEvent,
    Subscription,
    TwilioSink,
    WantedSink,
    sink_of,
)

_ALL: Final[Parameters] = {"PageSize": "1000"}
_T = TypeVar("_T")


class _Result(msgspec.Struct):
    result: str | None = None


class EventStreams:
    """Sinks and subscriptions of an account. The methods raise the errors of ``rest``."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def look(self, stream: str) -> Seen:
        """Read all sinks, and the subscription of the one to ``stream`` (name or ARN)."""
        seen = Seen(self._list("/v1/Sinks", _ALL, "sinks", TwilioSink, "the list of sinks"))
        sink = sink_of(seen, stream)
        if sink is None:
            return seen
        subscriptions = self._list(
            "/v1/Subscriptions",
            {**_ALL, "SinkSid": sink.sid},
            "subscriptions",
            Subscription,
            "the list of subscriptions",
        )
        found = next((one for one in subscriptions if one.sink_sid == sink.sid), None)
        if found is None:
            return seen
        events = self._list(_events_of(found), _ALL, "types", SubscribedEvent, "subscribed events")
        return Seen(seen.sinks, found, events)

    def create(self, wanted: WantedSink) -> TwilioSink:
        """Create a Kinesis sink; ``wanted`` must have the ARN, the role and the external id."""
        configuration = {
            "arn": wanted.stream,
            "role_arn": wanted.role,
            "external_id": wanted.external_id,
        }
        form = {
            "Description": wanted.description,
            "SinkType": KINESIS,
            "SinkConfiguration": msgspec.json.encode(configuration).decode(),
        }
        return decode_answer(self._rest.post("/v1/Sinks", form), TwilioSink, "the new sink")

    def send_test(self, sink: TwilioSink) -> None:
        """Have Twilio send the test event to a sink."""
        what = f"the test of sink {sink.sid}"
        result = self._result(f"/v1/Sinks/{sink.sid}/Test", {}, what)
        if result != "submitted":
            raise Unreachable(f"{what}: Twilio did not submit it")

    def validate(self, sink: TwilioSink, test_id: str) -> None:
        """Validate a sink by the id of a test event that has arrived."""
        what = f"the validation of sink {sink.sid}"
        result = self._result(f"/v1/Sinks/{sink.sid}/Validate", {"TestId": test_id}, what)
        if result != "valid":
            raise Misconfigured(f"{what}: Twilio rejects the test id")

    def subscribe(self, step: Subscribe | AddType | RaiseVersion, description: str) -> None:
        """Subscribe a sink to call events of the current schema version."""
        version = {"SchemaVersion": str(EVENT_SCHEMA_VERSION)}
        what = "the subscription"
        if isinstance(step, Subscribe):
            kinds = msgspec.json.encode(
                {"type": EVENT_TYPE, "schema_version": EVENT_SCHEMA_VERSION}
            )
            form = {
                "Description": description,
                "SinkSid": step.sink.sid,
                "Types": kinds.decode(),
            }
            decode_answer(self._rest.post("/v1/Subscriptions", form), Subscription, what)
        elif isinstance(step, AddType):
            form = {"Type": EVENT_TYPE, **version}
            decode_answer(
                self._rest.post(_events_of(step.subscription), form), SubscribedEvent, what
            )
        else:
            path = f"{_events_of(step.subscription)}/{EVENT_TYPE}"
            decode_answer(self._rest.post(path, version), SubscribedEvent, what)

    def _result(self, path: str, form: Parameters, what: str) -> str | None:
        return decode_answer(self._rest.post(path, form), _Result, what).result

    def _list(
        self, path: str, parameters: Parameters, key: str, kind: type[_T], what: str
    ) -> list[_T]:
        rows = all_rows(self._rest, path, parameters, key, what)
        try:
            return [msgspec.json.decode(row, type=kind) for row in rows or ()]
        except msgspec.DecodeError as error:
            raise Unreachable(f"{what}: what answers is not Twilio") from error


def advanced_features(insights: Rest) -> bool | None:
    """Whether Voice Insights Advanced Features are on; None if Twilio doesn't report it."""
    answer = insights.get("/v1/Voice/Settings", {})
    found = decode_answer(answer, dict[str, Any], "the settings of Voice Insights")
    value = found.get("advanced_features")
    return value if isinstance(value, bool) else None


def _events_of(subscription: Subscription) -> str:
    return f"/v1/Subscriptions/{subscription.sid}/SubscribedEvents"
