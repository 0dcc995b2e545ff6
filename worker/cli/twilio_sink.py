"""``voice-insights twilio sink``: the Kinesis sink of Event Streams, and its subscription."""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from worker.cli.kinesis import aws_options
from worker.cli.parameters import Duration
from worker.cli.twilio_rest import Bases, address_option, connected
from worker.errors import BadInput, Misconfigured, VoiceInsightsError
from worker.printable import escaped_line
from worker.twilio.event_streams import EventStreams
from worker.twilio.sink_setup import (
    AddType,
    Blocked,
    CreateSink,
    Done,
    RaiseVersion,
    Seen,
    SendTest,
    Step,
    Subscribe,
    TwilioSink,
    WantedSink,
    next_step,
    sink_of,
)
from worker.twilio.sink_tests import reading_from_now


@click.group(short_help="Make, test and validate the Kinesis sink.")
def sink() -> None:
    """Make, test and validate the Kinesis sink through which Twilio fills the stream.

    Each command looks at what exists and does only what is missing, so all of them are safe to
    repeat.

    \b
    1. choose an external id:  openssl rand -hex 16
    2. deploy infra/service.yaml with TwilioExternalId=..., which makes the role
    3. voice-insights twilio sink create --stream-arn ... --role-arn ... --external-id ...
    4. voice-insights twilio sink validate --stream-arn ...
    5. voice-insights twilio sink status --stream-arn ...
    """


_ARN = re.compile(
    r"arn:[a-z-]+:kinesis:(?P<region>[a-z0-9-]+):\d+:stream/[A-Za-z0-9_.-]+", re.ASCII
)


class StreamArn(click.ParamType[str]):
    """The ARN of a Kinesis stream; a sink needs the ARN, not the name."""

    name = "arn"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check the ARN."""
        if _ARN.fullmatch(str(value)) is None:
            self.fail(f"{value!r} is not the ARN of a Kinesis stream", param, ctx)
        return str(value)


_stream_option = click.option(
    "--stream-arn",
    type=StreamArn(),
    required=True,
    metavar="ARN",
    help="The stream: the stack's output StreamArn.",
)
_wait_option = click.option(
    "--wait",
    type=Duration(),
    default="5m",
    show_default=True,
    help="How long to wait for the test event on the stream.",
)


@sink.command(short_help="Make the sink, or find the existing one.")
@_stream_option
@click.option("--role-arn", metavar="ARN", help="The role: the stack's output TwilioRoleArn.")
@click.option("--external-id", metavar="ID", help="The stack's parameter TwilioExternalId.")
@click.option("--description", default="voice-insights", show_default=True, metavar="TEXT")
@address_option("events")
@aws_options
def create(
    stream_arn: str,
    role_arn: str | None,
    external_id: str | None,
    description: str,
    events_url: str,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Make the sink, or find the existing one; subscribe it if it is active."""
    if role_arn is None or external_id is None:
        proposed = external_id or secrets.token_hex(16)
        raise Misconfigured(
            "give --role-arn and --external-id: deploy infra/service.yaml with "
            f"TwilioExternalId={proposed}, and take its output TwilioRoleArn"
        )
    wanted = WantedSink(stream_arn, role_arn, external_id, description)
    with _streams(events_url, region, endpoint_url) as streams:
        step = next_step(wanted, streams.look(stream_arn))
        if isinstance(step, CreateSink):
            made = streams.create(wanted)
            _print(f"made sink {made.sid} ({made.status})")
            step = next_step(wanted, streams.look(stream_arn))
        step = _subscribed(streams, wanted, step)
        found = sink_of(streams.look(stream_arn), stream_arn)
    if found is not None:
        _print_stack(found)
    if isinstance(step, SendTest):
        _print(f"next: voice-insights twilio sink validate --stream-arn {stream_arn}")


@sink.command("test", short_help="Have Twilio send its test event.")
@_stream_option
@_wait_option
@address_option("events")
@aws_options
def send_test(
    stream_arn: str,
    wait: float,
    events_url: str,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Have Twilio send its test event, wait for it on the stream, and print its test id.

    This tests the whole way from Twilio to the stream, whatever the sink's status is.
    """
    with _streams(events_url, region, endpoint_url) as streams:
        found = _require(streams.look(stream_arn), stream_arn)
        _print(_tested(streams, found, wait, endpoint_url))


@sink.command(short_help="Validate the sink, and subscribe it.")
@_stream_option
@click.option(
    "--test-id", metavar="ID", help="Test id of an event that arrived, as the worker logged it."
)
@_wait_option
@click.option("--description", default="voice-insights", show_default=True, metavar="TEXT")
@address_option("events")
@aws_options
def validate(
    stream_arn: str,
    test_id: str | None,
    wait: float,
    description: str,
    events_url: str,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Validate the sink by its test event, and subscribe it to call events.

    Without --test-id, the command has Twilio send the test event and waits for it on the stream.
    """
    wanted = WantedSink(stream_arn, description=description)
    with _streams(events_url, region, endpoint_url) as streams:
        _require(streams.look(stream_arn), stream_arn)
        step = next_step(wanted, streams.look(stream_arn))
        if isinstance(step, SendTest):
            arrived = test_id or _tested(streams, step.sink, wait, endpoint_url)
            streams.validate(step.sink, arrived)
            _print(f"validated sink {step.sink.sid}")
            step = next_step(wanted, streams.look(stream_arn))
        step = _subscribed(streams, wanted, step)
    if isinstance(step, SendTest):
        raise VoiceInsightsError(
            f"sink {step.sink.sid} is validated but still {step.sink.status}: repeat this command "
            "in a few minutes"
        )


@sink.command(short_help="Show the sink and its subscription.")
@_stream_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@address_option("events")
@aws_options
def status(
    stream_arn: str,
    as_json: bool,
    events_url: str,
    endpoint_url: str | None,
    region: str | None,
) -> None:
    """Show the sink and its subscription; the exit code is 1 unless both are complete."""
    wanted = WantedSink(stream_arn)
    with _streams(events_url, region, endpoint_url) as streams:
        seen = streams.look(stream_arn)
    step = next_step(wanted, seen)
    found = sink_of(seen, stream_arn)
    if as_json:
        click.echo(json.dumps(_status_fields(found, seen, step)))
    else:
        if found is not None:
            _print(f"sink {found.sid}: {found.status}")
            _print_stack(found)
        for event in seen.events:
            _print(f"subscribed to {event.type}, schema version {event.schema_version}")
        _print(_in_words(step))
    sys.exit(0 if isinstance(step, Done) else 1)


def _status_fields(found: TwilioSink | None, seen: Seen, step: Step) -> dict[str, object]:
    return {
        "done": isinstance(step, Done),
        "next": _in_words(step),
        "sink": None if found is None else found.sid,
        "status": None if found is None else found.status,
        "subscription": None if seen.subscription is None else seen.subscription.sid,
        "types": {str(event.type): event.schema_version for event in seen.events},
    }


@contextmanager
def _streams(
    events_url: str, region: str | None, endpoint_url: str | None
) -> Iterator[EventStreams]:
    with connected(Bases(events=events_url), region, endpoint_url) as twilio:
        yield EventStreams(twilio.events)


def _require(seen: Seen, stream_arn: str) -> TwilioSink:
    found = sink_of(seen, stream_arn)
    if found is None:
        raise BadInput(f"there is no Kinesis sink to {stream_arn}; make one: twilio sink create")
    return found


def _tested(streams: EventStreams, found: TwilioSink, wait: float, endpoint_url: str | None) -> str:
    stream_arn = str(found.configured("arn"))
    arn = _ARN.fullmatch(stream_arn)
    with reading_from_now(stream_arn, arn and arn["region"], endpoint_url) as reader:
        streams.send_test(found)
        _print(f"sent the test event to {found.sid}; waiting for it on the stream", err=True)
        test_id = reader.wait(wait)
    if test_id is None:
        raise VoiceInsightsError(
            f"the test event has not arrived within {wait:g} s: check the role's trust (principal "
            "and external id) and its permissions, and an encrypted stream's key"
        )
    return test_id


def _subscribed(streams: EventStreams, wanted: WantedSink, step: Step) -> Step:
    """Subscribe if that is the next step; return the step after it. Raises if it is blocked."""
    if isinstance(step, Blocked):
        raise Misconfigured(step.why)
    if isinstance(step, Subscribe | AddType | RaiseVersion):
        streams.subscribe(step, wanted.description)
        click.echo("subscribed to call events")
        return next_step(wanted, streams.look(wanted.stream))
    if isinstance(step, Done):
        _print(f"sink {step.sink.sid} is active and subscribed")
    return step


def _print(text: str, *, err: bool = False) -> None:
    """Print a line; Twilio's own texts in it can't steer the terminal."""
    click.echo(escaped_line(text), err=err)


def _print_stack(found: TwilioSink) -> None:
    """Print the values on which the CloudFormation stack and the sink must agree."""
    _print(f"  stream  {found.configured('arn')}")
    _print(f"  role    {found.configured('role_arn')}")
    _print(f"  TwilioExternalId={found.configured('external_id')}")


def _in_words(step: Step) -> str:
    if isinstance(step, Done):
        return "the sink is active and subscribed to call events"
    if isinstance(step, Blocked):
        return step.why
    if isinstance(step, CreateSink):
        return "no sink leads to this stream: twilio sink create"
    if isinstance(step, SendTest):
        return f"the sink is {step.sink.status}, not validated: twilio sink validate"
    if isinstance(step, Subscribe):
        return "the sink is subscribed to nothing: twilio sink validate"
    if isinstance(step, AddType):
        return "the subscription lacks call events: twilio sink validate"
    return f"call events come at schema version {step.version}: twilio sink validate raises it"
