"""``voice-insights schema``: JSON schemas of what is written and read."""

from __future__ import annotations

import json
from typing import Final

import click

from worker.events.pinecall.cloud_event import pinecall_schema
from worker.sessions.schema import json_schema

_SCHEMAS: Final = {"session": json_schema, "pinecall": pinecall_schema}


@click.command()
@click.argument("what", type=click.Choice(tuple(_SCHEMAS)), default="session")
def schema(what: str) -> None:
    """Print the JSON schema of WHAT: session (the default) or pinecall.

    session: the session record, for programs that read the records. Every session record that
    `run` and `replay` write conforms to it. Within one schema_version, fields are only added.

    pinecall: the CloudEvent that carries an event of a Pinecall call on the stream, for those who
    write a bridge of their own. Its dataschema names the version.

    \b
    Examples:
      voice-insights schema > session-record.schema.json
      voice-insights schema pinecall
    """
    click.echo(json.dumps(_SCHEMAS[what](), indent=2))
