"""The setup of a Kinesis sink and its subscription: current and wanted state, next step. Pure.

::

    no sink ──CreateSink──► initialized, validating, failed ──SendTest, validation──► active
                                                                                        │
       ┌────────────────────────────────────────────────────────────────────────────────┘
       ├─ no subscription ──Subscribe──► done
       ├─ subscribed, not to the event type ──AddType──► done
       └─ subscribed to it at an older version ──RaiseVersion──► done

Each step follows from the account's current state, so it doesn't matter who took the steps before,
or whether one of them was interrupted.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from worker.events.twilio.envelope import GATEWAY_TYPE

EVENT_TYPE: Final = GATEWAY_TYPE
EVENT_SCHEMA_VERSION: Final = 3
KINESIS: Final = "kinesis"


class TwilioSink(msgspec.Struct, frozen=True):
    """``status``: initialized, validating, active or failed."""

    sid: str
    description: str | None = None
    sink_type: str | None = None
    status: str | None = None
    sink_configuration: Any = None

    def configured(self, name: str) -> str | None:
        """A text value of the configuration: arn, role_arn or external_id."""
        fields = self.sink_configuration
        value = fields.get(name) if isinstance(fields, dict) else None
        return value if isinstance(value, str) else None


class Subscription(msgspec.Struct, frozen=True):
    """A sink's subscription; its subscribed events say which event types it has."""

    sid: str
    sink_sid: str | None = None


class SubscribedEvent(msgspec.Struct, frozen=True):
    """An event type in a subscription, and its schema version."""

    type: str | None = None
    schema_version: int = 0


class WantedSink(NamedTuple):
    """The wanted sink: ``stream`` by ARN, or by name if the sink must already exist. ``role`` and
    ``external_id`` are None if any value will do.
    """

    stream: str
    role: str | None = None
    external_id: str | None = None
    description: str = "voice-insights"


class Seen(NamedTuple):
    """The account's current state: its sinks, and the wanted sink's subscription and events."""

    sinks: list[TwilioSink]
    subscription: Subscription | None = None
    events: list[SubscribedEvent] = []  # noqa: RUF012 - never changed


class CreateSink(NamedTuple):
    """The stream has no sink: create one."""


class SendTest(NamedTuple):
    """The sink is not validated: send it the test event, and validate it by that event."""

    sink: TwilioSink


class Subscribe(NamedTuple):
    """The sink is active but has no subscription: make one."""

    sink: TwilioSink


class AddType(NamedTuple):
    """The subscription lacks the event type: add it."""

    subscription: Subscription


class RaiseVersion(NamedTuple):
    """The subscription has the event type at an older schema version: raise it."""

    subscription: Subscription
    version: int


class Done(NamedTuple):
    """The sink and its subscription are complete."""

    sink: TwilioSink


class Blocked(NamedTuple):
    """Only the operator can resolve this."""

    why: str


Step = CreateSink | SendTest | Subscribe | AddType | RaiseVersion | Done | Blocked


def next_step(wanted: WantedSink, seen: Seen) -> Step:
    """The next step towards the wanted sink."""
    sinks = [sink for sink in seen.sinks if leads_to(sink, wanted.stream)]
    if not sinks:
        return CreateSink()
    if len(sinks) > 1:
        sids = ", ".join(sink.sid for sink in sinks)
        return Blocked(f"several sinks lead to {wanted.stream}: {sids}; delete all but one")
    sink = sinks[0]
    if (other := _other_configuration(sink, wanted)) is not None:
        return Blocked(
            f"sink {sink.sid} has {other}, and a sink's configuration can't be changed: delete "
            "it in Twilio's console and create it again"
        )
    if sink.status != "active":
        return SendTest(sink)
    return _subscription_step(sink, seen)


def leads_to(sink: TwilioSink, stream: str) -> bool:
    """Whether ``sink`` is a Kinesis sink to the stream with this name or ARN."""
    arn = sink.configured("arn")
    if sink.sink_type != KINESIS or arn is None:
        return False
    return arn == stream if stream.startswith("arn:") else arn.endswith(f":stream/{stream}")


def sink_of(seen: Seen, stream: str) -> TwilioSink | None:
    """The sink to a stream; an active one if there are several."""
    sinks = [sink for sink in seen.sinks if leads_to(sink, stream)]
    return next((sink for sink in sinks if sink.status == "active"), next(iter(sinks), None))


def _other_configuration(sink: TwilioSink, wanted: WantedSink) -> str | None:
    pairs = (("role_arn", wanted.role), ("external_id", wanted.external_id))
    for name, value in pairs:
        if value is not None and sink.configured(name) != value:
            return f"another {name} ({sink.configured(name)})"
    return None


def _subscription_step(sink: TwilioSink, seen: Seen) -> Step:
    if seen.subscription is None:
        return Subscribe(sink)
    versions = [one.schema_version for one in seen.events if one.type == EVENT_TYPE]
    if not versions:
        return AddType(seen.subscription)
    if max(versions) < EVENT_SCHEMA_VERSION:
        return RaiseVersion(seen.subscription, max(versions))
    return Done(sink)
