"""The settings: one model with every name, unit, bound and default.

`worker.settings.sources` fills it from command-line options, the environment and a TOML file, and
puts a setting's name, value and source before a validator's message.
"""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS
from worker.partition.rules import SequenceNumbers
from worker.settings.bridge import BridgeSettings
from worker.settings.fleet import FleetSettings
from worker.settings.otlp import OtlpSettings
from worker.settings.telemetry import TelemetrySettings
from worker.settings.values import (
    Address,
    DimensionsSetting,
    FileRotation,
    IdleClock,
    Labels,
    Location,
    Namespace,
    OnAmbiguousSetting,
    Region,
    ReleasePeriod,
    Sinks,
    StartSetting,
    StreamName,
    Switch,
)

ENV_PREFIX: Final = "VOICE_INSIGHTS_"

_ASCENDING: Final = (
    ("hold_direct_s", "hold_turn_s"),
    ("hold_direct_s", "hold_hole_s"),
    ("quiet_s", "hold_max_s"),
    ("keep_closed_s", "expire_after_s"),
    ("max_series_per_set", "max_series"),
)
"""Pairs of settings; the first of a pair must not exceed the second."""


class _TaskSettings(BaseSettings):
    """The settings of the worker's own task, from the stream to CloudWatch."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    stream: StreamName | None = Field(
        default=None, description="Kinesis stream to read, by name or ARN"
    )
    region: Region | None = Field(
        default=None, description="AWS region; if unset, from the AWS configuration"
    )
    endpoint_url: Address | None = Field(
        default=None, description="URL to use instead of AWS, such as an emulator's"
    )
    idle_clock: IdleClock = Field(
        default="agreed",
        description="clock that advances a shard without records: agreed is the service's, as far "
        "as this machine's clock confirms it; server trusts the service alone, for an emulator "
        "whose time isn't the real one",
    )
    start: StartSetting = Field(
        default="trim_horizon", description="where to begin reading without a stored position"
    )
    state: Location = Field(
        default="voice-insights.sqlite",
        description="where the state is kept: a SQLite file, or s3://bucket/prefix",
    )

    sink: Sinks = Field(
        default=("cloudwatch",),
        description="where to send metrics: cloudwatch or emf, otlp, or one of the two and otlp",
    )
    namespace: Namespace = Field(
        default="VoiceInsights", description="CloudWatch namespace of the metrics"
    )
    send_timeout_s: float = Field(
        default=10.0, ge=0.1, le=60, description="longest wait for an answer from CloudWatch"
    )
    on_ambiguous: OnAmbiguousSetting = Field(
        default="resend",
        description="requests that may or may not have arrived: resend them (which may count their "
        "samples twice) or drop them",
    )
    records: Location = Field(
        default="-",
        description="where session records are written: a file, s3://bucket/prefix, or - for "
        "standard output",
    )
    dead_letters: Location = Field(
        default="dead-letters.jsonl",
        description="where dead letters, the occurrences that can't be counted, are written: a "
        "file, or s3://bucket/prefix",
    )
    file_rotation: FileRotation = Field(
        default="never",
        description="when to begin a new file of records or dead letters: never, or daily (at "
        "midnight UTC, with the date in its name)",
    )

    timeline: Switch = Field(
        default="on",
        description="whether session records include the call's timeline, which the report draws",
    )

    hold_direct_s: int = Field(
        default=30,
        ge=0,
        le=3_600,
        description="how long to hold metrics that a single event determines",
    )
    hold_turn_s: int = Field(
        default=180,
        ge=0,
        le=14_400,
        description="how long to hold metrics that depend on neighbouring events",
    )
    quiet_s: int = Field(
        default=30,
        ge=0,
        le=3_600,
        description="a session's turn metrics wait until no event has arrived for this long",
    )
    hold_max_s: int = Field(
        default=600, ge=0, le=14_400, description="longest wait for a session to be quiet"
    )
    hold_hole_s: int = Field(
        default=300,
        ge=0,
        le=14_400,
        description="longest wait for events that are missing according to sequence numbers",
    )
    sequence_numbers: SequenceNumbers = Field(
        default="auto",
        description="whether an absent sequence number means a missing event: contiguous (it "
        "does), sparse (it doesn't), or auto (it does, until most sessions lack many)",
    )
    release_every_s: ReleasePeriod = Field(
        default=60, ge=1, le=3_600, description="how often due minutes are sent"
    )

    close_after_wrap_up_s: int = Field(
        default=30,
        ge=0,
        le=14_400,
        description="a complete session closes this long after its last event arrived",
    )
    close_idle_s: int = Field(
        default=1_800,
        ge=1,
        le=86_400,
        description="a session closes when no new event has arrived for this long",
    )
    keep_closed_s: int = Field(
        default=14_400,
        ge=0,
        le=86_400,
        description="how long closed sessions are kept for late events",
    )
    expire_after_s: int = Field(
        default=21_600,
        ge=60,
        le=1_209_600,
        description="events of unknown sessions that are older than this become dead letters",
    )
    max_shard_skew_s: int = Field(
        default=300, ge=1, le=86_400, description="a shard this far ahead of the others pauses"
    )

    commit_every_s: float = Field(
        default=1.0, ge=0.01, le=60, description="time between commits, by the machine's clock"
    )
    shutdown_s: int = Field(
        default=25,
        ge=1,
        le=110,
        description="time to stop in after SIGTERM, by the machine's clock",
    )

    max_outbox_mb: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="most output (MB) to wait to be sent; reading slows, then stops, before that",
    )
    max_events_per_session: int = Field(
        default=50_000, ge=100, le=10_000_000, description="further events of a session are cut"
    )
    max_sessions_held: int = Field(
        default=1_000_000,
        ge=1,
        le=100_000_000,
        description="most sessions in memory; events of others become dead letters, to be redriven",
    )
    max_series_per_set: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="most series per dimension set; the rest are counted as other",
    )
    max_series: int = Field(
        default=500,
        ge=1,
        le=1_000_000,
        description="most series in all; the rest are counted as other",
    )
    labels: Labels = Field(
        default={},
        description="account_sid, or account/agent on a platform that names agents -> "
        "dimensions that all of its series carry",
    )
    dimensions: DimensionsSetting = Field(
        default=dict(DEFAULT_DIMENSION_SETS),
        description="metric -> further dimension sets; replaces the whole default",
    )


class WorkerSettings(OtlpSettings, TelemetrySettings, _TaskSettings):
    """The worker's settings. Durations are seconds of stream time unless stated otherwise.

    ``start`` is ``trim_horizon``, ``latest`` or an instant in epoch milliseconds.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use only the values given, which `worker.settings.sources` has already merged."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _no_setting_is_a_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise PydanticCustomError("boolean", "is not a boolean")
        return value

    @model_validator(mode="after")
    def _limits_fit_each_other(self) -> Self:
        for low, high in _ASCENDING:
            if getattr(self, low) > getattr(self, high):
                raise PydanticCustomError("ascending", "{low} > {high}", {"low": low, "high": high})
        return self

    @model_validator(mode="after")
    def _what_needs_another_has_it(self) -> WorkerSettings:
        endpoint = self.otlp_endpoint
        if "otlp" in self.sink and endpoint is None:
            raise _lacking("sink", "otlp needs otlp_endpoint, the address of a receiver")
        if self.traces != "off" and endpoint is None and self.otlp_traces_endpoint is None:
            raise _lacking("traces", "they need otlp_endpoint, the address of a receiver")
        if self.traces != "off" and self.timeline == "off":
            raise _lacking("traces", "they are made of timelines, and timeline is off")
        return self


class Settings(FleetSettings, BridgeSettings, WorkerSettings):
    """The operator's settings, of the worker, the bridge and a fleet: one file serves all."""


def _lacking(name: str, why: str) -> PydanticCustomError:
    return PydanticCustomError("lacking", "{name}: {why}", {"name": name, "why": why})
