"""Parameter types that several commands use."""

from __future__ import annotations

import math
import re
from typing import Final, Literal

import click

from worker.recordings.unpacking import Compression
from worker.times.rfc3339 import parse_ms

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)


class Duration(click.ParamType[float]):
    """A duration: seconds, or with a unit, as in ``90``, ``90s``, ``10m``, ``1.5h``, ``2d``."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the duration, in seconds, 0 or more."""
        if isinstance(value, int | float):
            return float(value)
        match = _DURATION.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a duration; write 90, 90s, 10m or 1.5h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


class InstantParameter(click.ParamType[int]):
    """A time in ISO 8601, as in ``2026-10-02T12:00:00Z``; without an offset it is UTC."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse the instant, in epoch milliseconds."""
        if isinstance(value, int):
            return value
        instant = parse_ms(str(value).strip())
        if instant is None:
            self.fail(f"{value!r} is not a time; write 2026-10-02T12:00:00Z", param, ctx)
        return instant


class Rate(click.ParamType[float]):
    """A rate from 0 to 1."""

    name = "rate"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the rate."""
        try:
            rate = float(str(value))
        except ValueError:
            rate = math.nan
        if not 0 <= rate <= 1:
            self.fail(f"{value!r} is not a rate from 0 to 1", param, ctx)
        return rate


CompressionName = Literal["zst", "gz", "none"]

compress_option = click.option(
    "--compress",
    type=click.Choice(["zst", "gz", "none"]),
    default="zst",
    show_default=True,
    help="How to compress the recording's files.",
)


def compression_of(name: CompressionName) -> Compression | None:
    """Return the compression that the option names, or None."""
    return None if name == "none" else name
