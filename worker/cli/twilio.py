"""``voice-insights twilio``: read calls back, verify records, and set up the sink."""

from __future__ import annotations

import click

from worker.cli.twilio_events import events
from worker.cli.twilio_sink import sink
from worker.cli.twilio_verify import verify


@click.group()
def twilio() -> None:
    """Use Twilio's APIs: read calls back, verify records, set up the sink.

    These commands are for operators; the worker needs none of them. They need the extra `twilio`
    (in a checkout: pip install '.[twilio]') and credentials: an API key in TWILIO_API_KEY and
    TWILIO_API_SECRET, or TWILIO_SECRET_ID with the name or ARN of a secret in AWS Secrets Manager
    that holds both as a JSON object. The API secret is never an argument, because arguments stay
    in the shell's history.

    \b
    Set up a sink:         voice-insights twilio sink create --help
    Read a call back:      voice-insights twilio events CA… -o call
    Check against Twilio:  voice-insights twilio verify sessions.jsonl --sample 50
    """


for _command in (events, verify, sink):
    twilio.add_command(_command)
