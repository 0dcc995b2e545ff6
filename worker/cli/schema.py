"""``voice-insights schema``: the session record's JSON schema."""

from __future__ import annotations

import json

import click

from worker.sessions.schema import SessionRecord


@click.command()
def schema() -> None:
    """Print the JSON schema of the session record, for those who read the records."""
    click.echo(json.dumps(SessionRecord.model_json_schema(), indent=2))
