"""``voice-insights bridge``: events of other voice platforms onto the stream."""

from __future__ import annotations

import click

from worker.cli.bridge_pinecall import pinecall


@click.group()
def bridge() -> None:
    """Put the calls of another voice platform onto the worker's stream.

    Twilio writes to the stream by itself. A platform that doesn't is read by a bridge, a
    long-running program beside the worker.

    \b
    Pinecall:  voice-insights bridge pinecall --into my-stream --pinecall-account my-org
    """


bridge.add_command(pinecall)
