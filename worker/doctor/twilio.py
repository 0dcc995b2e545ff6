"""Checks of Twilio's side: Advanced Features, the sink and its subscription. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.doctor.findings import Finding, fail, not_known, ok
from worker.twilio.sink_setup import (
    AddType,
    Blocked,
    CreateSink,
    RaiseVersion,
    Seen,
    SendTest,
    Subscribe,
    WantedSink,
    next_step,
    sink_of,
)

_ASKING: Final = "Twilio"
_ADVANCED: Final = "Twilio: Advanced Features"
_SINK: Final = "Twilio: sink"
_SUBSCRIPTION: Final = "Twilio: subscription"
_VALIDATE: Final = "`voice-insights twilio sink validate` does it"


class TwilioFacts(NamedTuple):
    """Facts on Twilio's side; None if they could not be found out. ``problems``: the reasons."""

    problems: tuple[str, ...]
    advanced_features: bool | None
    seen: Seen | None


def twilio_findings(facts: TwilioFacts, stream: str) -> Iterator[Finding]:
    """Check access, Advanced Features, sink, subscription and schema version."""
    for problem in facts.problems:
        yield fail(_ASKING, problem, "see `voice-insights twilio --help` for credentials")
    if not facts.problems:
        yield ok(_ASKING, "answers, and accepts the credentials")
    yield _advanced(facts.advanced_features)
    if facts.seen is None:
        yield not_known(_SINK, "the sinks could not be listed", "see above")
        yield not_known(_SUBSCRIPTION, "the sinks could not be listed", "see above")
    else:
        yield _sink(facts.seen, stream)
        yield _subscription(facts.seen, stream)


def _advanced(on: bool | None) -> Finding:
    if on is None:
        return not_known(
            _ADVANCED, "Twilio doesn't report it", "look in the console, Voice Insights"
        )
    if on:
        return ok(_ADVANCED, "on")
    return fail(
        _ADVANCED,
        "off: no ConversationRelay events are made",
        "turn them on in the console, Voice Insights; they don't apply to past calls",
    )


def _sink(seen: Seen, stream: str) -> Finding:
    step = next_step(WantedSink(stream), seen)
    if isinstance(step, CreateSink):
        return fail(_SINK, "none leads to this stream", "`voice-insights twilio sink create`")
    if isinstance(step, Blocked):
        return fail(_SINK, step.why, "see `voice-insights twilio sink status`")
    if isinstance(step, SendTest):
        return fail(_SINK, f"{step.sink.sid} is {step.sink.status}, not active", _VALIDATE)
    found = sink_of(seen, stream)
    return ok(_SINK, f"{found.sid if found else stream} is active")


def _subscription(seen: Seen, stream: str) -> Finding:
    step = next_step(WantedSink(stream), seen)
    if isinstance(step, CreateSink | Blocked | SendTest):
        return not_known(_SUBSCRIPTION, "it needs an active sink", "see the sink")
    if isinstance(step, Subscribe):
        return fail(_SUBSCRIPTION, "the sink has none, so no event arrives", _VALIDATE)
    if isinstance(step, AddType):
        return fail(_SUBSCRIPTION, "it lacks call events", _VALIDATE)
    if isinstance(step, RaiseVersion):
        return fail(
            _SUBSCRIPTION, f"call events arrive at schema version {step.version}", _VALIDATE
        )
    versions = ", ".join(str(event.schema_version) for event in seen.events)
    return ok(_SUBSCRIPTION, f"to call events, schema version {versions}")
