"""``voice-insights schema``: the session record's JSON schema."""

from __future__ import annotations

import json

import click

from worker.sessions.schema import json_schema


@click.command()
def schema() -> None:
    """Print the JSON schema of the session record, for programs that read the records.

    Every session record that `run` and `replay` write conforms to it. Within one schema_version,
    fields are only added.

    \b
    Example:
      voice-insights schema > session-record.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))
