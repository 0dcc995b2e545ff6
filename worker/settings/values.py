"""Types of the settings' values. A validator's message follows the setting's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import PurePath
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_settings import NoDecode

from worker.identifying import identifies_someone
from worker.metrics.catalogue import CATALOGUE, CONTEXT_DIMENSIONS
from worker.partition.series_registry import PLATFORM_DIMENSION
from worker.telemetry.calls import CallsShown
from worker.times.rfc3339 import parse_ms

_STREAM: Final = re.compile(
    r"[A-Za-z0-9_.-]{1,128}|arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]{1,128}"
)
_S3: Final = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[^\x00-\x20?#\x7f]*)?")
_REGION: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PINECALL_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FLEET_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,64}")
_NAMESPACE: Final = re.compile(r"(?!AWS/)(?=.*\S)[A-Za-z0-9._/# -][A-Za-z0-9._/#: -]{0,254}")
_DIMENSION: Final = re.compile(r"(?!:)[!-~]{1,255}")
_DIMENSION_VALUE: Final = re.compile(r"(?=.*\S)[ -~]{1,255}")
_NEVER_DIMENSIONS: Final = re.compile(
    r"(session|call|account)_?(s?id)?|from|to|caller|called|phone.*|ip", re.IGNORECASE
)
_OWN_DIMENSIONS: Final = frozenset(m.own_dimension for m in CATALOGUE.values() if m.own_dimension)
_LABELS_AT_MOST: Final = 20  # with a dimension set this stays below CloudWatch's 30 dimensions


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``; did you mean 'x'?`` for the closest known word; empty if none is close."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _fitting(pattern: re.Pattern[str], otherwise: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(otherwise)
        return value

    return check


def lower(value: object) -> object:
    """A word in lower case; anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def _words(value: object) -> object:
    return value.replace(",", " ").lower().split() if isinstance(value, str) else value


def _stores(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value or len(set(value)) < len(value):
        raise ValueError("takes one or more different ones of cloudwatch, emf, otlp")
    if {"cloudwatch", "emf"} <= set(value):
        raise ValueError("takes one of cloudwatch and emf: both end in CloudWatch, and count twice")
    return value


def _start(value: object) -> object:
    if isinstance(value, date):  # TOML has its own dates and times
        value = value.isoformat()
    if isinstance(value, str):
        word = value.strip().lower()
        if word in {"trim_horizon", "latest"}:
            return word
        moment = parse_ms(f"{word}T00:00:00Z" if len(word) == len("2026-10-02") else word)
        if moment is not None:
            return moment
    raise ValueError("takes trim_horizon, latest or a timestamp like 2026-10-02T12:00:00Z")


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise ValueError("takes an address like http://127.0.0.1:4566")
    return value


def _host(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("takes an IP address of this machine, like 127.0.0.1") from None


def is_s3(place: str) -> bool:
    """Whether a location is ``s3://bucket/prefix`` rather than a path."""
    return place.startswith("s3://")


def _place(value: str) -> str:
    if is_s3(value):
        fits = _S3.fullmatch(value) is not None
    else:
        fits = "://" not in value and bool(PurePath(value).name)
    if not fits:
        raise ValueError("takes the path of a file, or s3://bucket/prefix")
    return value


def _release(value: int) -> int:
    if 60 % value and value % 60:
        raise ValueError("takes whole minutes, or seconds that divide a minute, at most 3600")
    return value


def _labels(value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    for account, dimensions in value.items():
        if not account:
            raise ValueError("takes account_sids, not empty names")
        if len(dimensions) > _LABELS_AT_MOST:
            raise ValueError(f"takes at most {_LABELS_AT_MOST} dimensions per account")
        for name, label in dimensions.items():
            _check_label(name, label)
    return value


def _check_label(name: str, label: str) -> None:
    if not _DIMENSION.fullmatch(name):
        raise ValueError(
            "takes dimension names of 1 to 255 visible ASCII characters, not beginning with :"
        )
    if name in CATALOGUE or name == "_aws":
        raise ValueError(f"{name!r} has another meaning in an EMF line; choose another name")
    if name in CONTEXT_DIMENSIONS or name in _OWN_DIMENSIONS or name == PLATFORM_DIMENSION:
        raise ValueError(f"{name!r} is one of the worker's own dimensions; choose another name")
    if _NEVER_DIMENSIONS.fullmatch(name):
        raise ValueError(f"{name!r} would identify a call or a person, which no dimension may do")
    if not _DIMENSION_VALUE.fullmatch(label):
        raise ValueError(f"takes values of 1 to 255 printable ASCII characters for {name!r}")
    if identifies_someone(label):
        raise ValueError(f"the value of {name!r} looks like an id, a phone number or an address")


DimensionSets = dict[str, tuple[tuple[str, ...], ...]]


def _dimensions(value: DimensionSets, info: ValidationInfo) -> DimensionSets:
    labels: Mapping[str, Mapping[str, str]] = info.data.get("labels", {})
    names = {*CONTEXT_DIMENSIONS, *(name for one in labels.values() for name in one)}
    for metric, sets in value.items():
        if metric not in CATALOGUE:
            raise ValueError(f"{metric!r} is not a metric{did_you_mean(metric, CATALOGUE)}")
        for one in sets:
            _check_dimension_set(one, names)
    return value


def _check_dimension_set(names: tuple[str, ...], known: set[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise ValueError("takes sets of one or more different dimensions")
    for name in names:
        if name not in known:
            takes = did_you_mean(name, known) or f"; dimensions are {', '.join(sorted(known))}"
            raise ValueError(f"{name!r} is not a dimension{takes}")


StreamName = Annotated[
    str, AfterValidator(_fitting(_STREAM, "takes the name of a Kinesis stream, or its ARN"))
]
Region = Annotated[str, AfterValidator(_fitting(_REGION, "takes a region like eu-west-1"))]
Namespace = Annotated[
    str,
    AfterValidator(
        _fitting(
            _NAMESPACE,
            "takes 1 to 255 letters, digits, spaces and . - _ / # :, not beginning with AWS/ or :",
        )
    ),
]
Address = Annotated[str, AfterValidator(_address)]
Host = Annotated[str, AfterValidator(_host)]
StartSetting = Annotated[Literal["trim_horizon", "latest"] | int, BeforeValidator(_start)]
Location = Annotated[str, AfterValidator(_place)]
"""The path of a file, or ``s3://bucket/prefix``."""

PinecallAccount = Annotated[
    str,
    AfterValidator(_fitting(_PINECALL_ACCOUNT, "takes 1 to 64 letters, digits, _ and -")),
]
FleetName = Annotated[
    str,
    AfterValidator(
        _fitting(_FLEET_NAME, "takes 3 to 64 letters, digits, _ . and -, of a table's name")
    ),
]
FleetEngineName = Annotated[Literal["kcl-rs", "daemon"], BeforeValidator(lower)]
PinecallEnv = Annotated[Literal["production", "sandbox"], BeforeValidator(lower)]
ReleasePeriod = Annotated[int, AfterValidator(_release)]
Labels = Annotated[dict[str, dict[str, str]], AfterValidator(_labels)]
DimensionsSetting = Annotated[DimensionSets, AfterValidator(_dimensions)]
"""Must be declared after a field ``labels``, whose names are dimensions, too."""

SinkKind = Literal["cloudwatch", "emf", "otlp"]
Sinks = Annotated[tuple[SinkKind, ...], NoDecode, BeforeValidator(_words), AfterValidator(_stores)]
FileRotation = Annotated[Literal["never", "daily"], BeforeValidator(lower)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)]
OnAmbiguousSetting = Annotated[Literal["resend", "drop"], BeforeValidator(lower)]
IdleClock = Annotated[Literal["agreed", "server"], BeforeValidator(lower)]
PageSetting = Annotated[Literal["auto", "on", "off"], BeforeValidator(lower)]
OwnMetrics = Annotated[Literal["auto", "emf", "off"], BeforeValidator(lower)]
Switch = Annotated[Literal["on", "off"], BeforeValidator(lower)]
LogFormat = Annotated[Literal["auto", "json", "pretty"], BeforeValidator(lower)]
PrometheusCalls = Annotated[CallsShown, BeforeValidator(lower)]
