"""The command ``schema``: it prints what the records keep to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from click.testing import CliRunner

from tests.scenes import Result
from worker.cli.schema import schema
from worker.testing.traffic import Traffic, simulated_records


def printed() -> dict[str, Any]:
    done = CliRunner().invoke(schema, [])
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if reference is None:
        return part
    found: dict[str, Any] = document["$defs"][reference.removeprefix("#/$defs/")]
    return found


def departures(
    value: Any, part: dict[str, Any], document: dict[str, Any], path: str
) -> Iterator[str]:
    """Where ``value`` doesn't keep to ``part``: names and presence, all the way down."""
    part = resolved(part, document)
    if "anyOf" in part:
        objects = [one for one in part["anyOf"] if one.get("type") != "null"]
        part = resolved(objects[0], document) if value is not None else {}
    if isinstance(value, dict) and "properties" in part:
        yield from (f"{path}.{name} is missing" for name in set(part["required"]) - set(value))
        for name, inner in value.items():
            if name in part["properties"]:
                yield from departures(inner, part["properties"][name], document, f"{path}.{name}")
            else:
                yield f"{path}.{name} is unknown"
    elif isinstance(value, list) and "items" in part:
        for inner in value:
            yield from departures(inner, part["items"], document, f"{path}[]")


def test_it_prints_a_json_schema_that_names_every_field() -> None:
    document = printed()
    assert document["type"] == "object"
    assert document["title"] == "SessionRecord"
    assert "schema_version" in document["required"]


def test_every_record_keeps_to_it() -> None:
    document = printed()
    records = Result(simulated_records(Traffic(sessions=12), 2)).records
    assert len(records) == 12
    for record in records:
        assert list(departures(record, document, document, "record")) == []


def test_a_reader_learns_the_units() -> None:
    text = json.dumps(printed())
    assert "milliseconds" in text
    assert "RFC 3339" in text


def test_it_prints_the_pinecall_event_too() -> None:
    done = CliRunner().invoke(schema, ["pinecall"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["title"] == "PinecallEvent"
