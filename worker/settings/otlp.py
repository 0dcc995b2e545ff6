"""The settings of OpenTelemetry: the receivers of metrics and traces, and their format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from worker.settings.values import Address, lower

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}")
_HEADER_VALUE: Final = re.compile(r"[\t -~]{1,8192}")
_ATTRIBUTE: Final = re.compile(r"[^\x00-\x20,=]{1,255}")


def _pairs(value: object) -> object:
    """Parse ``a=1,b=2`` into a mapping by OpenTelemetry's rules: names and values may be
    percent-encoded.
    """
    if not isinstance(value, str):
        return value
    pairs: dict[str, str] = {}
    for part in filter(None, map(str.strip, value.split(","))):
        name, separator, text = part.partition("=")
        if not separator:
            raise ValueError(_PAIRS)
        pairs[unquote(name.strip())] = unquote(text.strip())
    return pairs


_PAIRS: Final = "takes name=value,name=value, or a mapping in the file"


def _headers(value: dict[str, str]) -> dict[str, str]:
    """Check headers; errors leave out the value, which may be a secret."""
    for name, text in value.items():
        if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"{_PAIRS}, of names and values that HTTP can carry")
    return value


def _attributes(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not _ATTRIBUTE.fullmatch(name):
            raise ValueError(_PAIRS)
    return value


def _traces(value: object) -> object:
    word = value.strip().lower() if isinstance(value, str) else value
    if word in ("off", "all", "slow"):
        return word
    try:
        share = float(word) if isinstance(word, str | int | float) else -1.0
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise ValueError("takes off, all, slow, or the share of sessions: a number from 0 to 1")
    return share


Headers = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs), AfterValidator(_headers)]
"""Names and values of headers; no value is ever shown."""

ResourceAttributes = Annotated[
    dict[str, str], NoDecode, BeforeValidator(_pairs), AfterValidator(_attributes)
]
Traces = Annotated[Literal["off", "all", "slow"] | float, BeforeValidator(_traces)]
OtlpAuth = Annotated[Literal["auto", "sigv4", "headers", "none"], BeforeValidator(lower)]
OtlpTemporality = Annotated[Literal["cumulative", "delta"], BeforeValidator(lower)]
OtlpCompression = Annotated[Literal["gzip", "none"], BeforeValidator(lower)]
TracesApplication = Annotated[Literal["off", "chat"], BeforeValidator(lower)]

OTEL_VARIABLES: Final[Mapping[str, str]] = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "otlp_endpoint",
    "OTEL_EXPORTER_OTLP_HEADERS": "otlp_headers",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "otlp_traces_endpoint",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "otlp_traces_headers",
    "OTEL_RESOURCE_ATTRIBUTES": "otlp_resource",
}
"""OpenTelemetry's own variables, by the settings that they are the weakest source of."""


class OtlpSettings(BaseModel):
    """The settings of OTLP."""

    otlp_endpoint: Address | None = Field(
        default=None,
        description="base address of a receiver of OTLP over HTTP; /v1/metrics and /v1/traces are "
        "appended unless it ends so",
    )
    otlp_headers: Headers = Field(
        default={}, description="headers of its requests, name=value,name=value; never shown"
    )
    otlp_traces_endpoint: Address | None = Field(
        default=None, description="the same for traces, where another receiver takes them"
    )
    otlp_traces_headers: Headers = Field(
        default={}, description="headers for that receiver, instead of otlp_headers; never shown"
    )
    otlp_auth: OtlpAuth = Field(
        default="auto",
        description="how the worker proves who it is: sigv4 (AWS), headers, none; auto is sigv4 "
        "for addresses of AWS, else headers",
    )
    otlp_temporality: OtlpTemporality = Field(
        default="cumulative",
        description="what a data point says: all since a start, or what is new (delta)",
    )
    otlp_compression: OtlpCompression = Field(
        default="gzip", description="compression of requests over OTLP"
    )
    otlp_timeout_s: float = Field(
        default=10.0, ge=0.1, le=60, description="longest wait for an answer over OTLP"
    )
    otlp_resource: ResourceAttributes = Field(
        default={},
        description="attributes of the resource, name=value,name=value; service.name is "
        "voice-insights unless given",
    )
    traces: Traces = Field(
        default="off",
        description="which closed sessions become traces over OTLP: off, all, slow, or a share of "
        "them from 0 to 1",
    )
    traces_slow_ms: int = Field(
        default=3_000,
        ge=0,
        le=600_000,
        description="with traces = slow: those of sessions with a longer wait, or that failed",
    )
    traces_application: TracesApplication = Field(
        default="off",
        description="chat marks the spans of your application as calls of a language model",
    )
