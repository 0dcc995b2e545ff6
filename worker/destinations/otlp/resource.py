"""Attributes in OTLP's form, and the resource in all requests of a worker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from worker import __version__

SCOPE: Final = InstrumentationScope(name="voice_insights", version=__version__)
NANOS: Final = 1_000_000
"""Nanoseconds in a millisecond."""


def resource_of(attributes: Mapping[str, str]) -> Resource:
    """Return the resource with these attributes, by name."""
    return Resource(attributes=key_values(sorted(attributes.items())))


def key_values(attributes: Iterable[tuple[str, str | int | float | bool]]) -> list[KeyValue]:
    """Return attributes with the types of their values."""
    return [KeyValue(key=name, value=_any(value)) for name, value in attributes]


def _any(value: str | int | float | bool) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)
