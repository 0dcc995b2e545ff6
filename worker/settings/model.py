"""The settings: one model with every name, unit, bound and default.

`worker.settings.sources` fills it from command-line options, the environment and a TOML file, and
puts name, value and source before what a validator says.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS
from worker.partition.rules import SequenceNumbers
from worker.settings.values import (
    Address,
    DimensionsSetting,
    FileRotation,
    Host,
    IdleClock,
    Labels,
    Location,
    LogFormat,
    LogLevel,
    Namespace,
    OnAmbiguousSetting,
    OwnMetrics,
    PageSetting,
    Region,
    ReleasePeriod,
    SinkSetting,
    StartSetting,
    StreamName,
    Switch,
)
from worker.telemetry.catalogue import DEFAULT_NAMESPACE

ENV_PREFIX: Final = "VOICE_INSIGHTS_"

_ASCENDING: Final = (
    ("hold_direct_s", "hold_turn_s"),
    ("hold_direct_s", "hold_hole_s"),
    ("quiet_s", "hold_max_s"),
    ("keep_closed_s", "expire_after_s"),
    ("max_series_per_set", "max_series"),
)
"""Pairs of settings of which the first must not exceed the second."""


class Settings(BaseSettings):
    """Everything an operator may set. Durations are seconds, of stream time unless said otherwise.

    ``start`` is ``trim_horizon``, ``latest`` or an instant in epoch milliseconds.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    stream: StreamName | None = Field(
        default=None, description="Kinesis stream to read, by name or ARN"
    )
    region: Region | None = Field(
        default=None, description="AWS region; the AWS configuration's if unset"
    )
    endpoint_url: Address | None = Field(
        default=None, description="where AWS is, for local stand-ins of it"
    )
    idle_clock: IdleClock = Field(
        default="agreed",
        description="whose clock a shard without records goes by: agreed is the service's as far "
        "as this machine's supports it; server believes an emulator whose time isn't the real one",
    )
    start: StartSetting = Field(
        default="trim_horizon", description="where to begin without a stored position"
    )
    state: Location = Field(
        default="voice-insights.sqlite",
        description="where the state is kept: a SQLite file, or s3://bucket/prefix",
    )

    sink: SinkSetting = Field(default="cloudwatch", description="where metrics go")
    namespace: Namespace = Field(
        default="VoiceInsights", description="CloudWatch namespace of the metrics"
    )
    send_timeout_s: float = Field(
        default=10.0, ge=0.1, le=60, description="longest wait for an answer of CloudWatch's"
    )
    on_ambiguous: OnAmbiguousSetting = Field(
        default="resend",
        description="what nobody knows to have arrived: resend (may count twice) or drop",
    )
    records: Location = Field(
        default="-",
        description="where session records go: a file, s3://bucket/prefix, or - for stdout",
    )
    dead_letters: Location = Field(
        default="dead-letters.jsonl",
        description="where goes what could not be read, and why: a file, or s3://bucket/prefix",
    )
    file_rotation: FileRotation = Field(
        default="never",
        description="files of records and dead letters: one (never), or one a day of UTC (daily), "
        "the date in its name",
    )

    timeline: Switch = Field(
        default="on",
        description="whether session records have the call's timeline, which the page draws",
    )

    hold_direct_s: int = Field(
        default=30, ge=0, le=3_600, description="hold of metrics that one event alone decides"
    )
    hold_turn_s: int = Field(
        default=180, ge=0, le=14_400, description="hold of metrics that neighbouring events decide"
    )
    quiet_s: int = Field(
        default=30,
        ge=0,
        le=3_600,
        description="a session's turn metrics wait until it is quiet for so long",
    )
    hold_max_s: int = Field(default=600, ge=0, le=14_400, description="longest wait for quiet")
    hold_hole_s: int = Field(
        default=300,
        ge=0,
        le=14_400,
        description="longest wait for events that are missing by their sequence numbers",
    )
    sequence_numbers: SequenceNumbers = Field(
        default="auto",
        description="whether an absent sequence number is a missing event: contiguous (it is), "
        "sparse (it isn't), or auto: it is, until most sessions lack many",
    )
    release_every_s: ReleasePeriod = Field(
        default=60, ge=1, le=3_600, description="how often minutes that are due are sent"
    )

    close_after_wrap_up_s: int = Field(
        default=30,
        ge=0,
        le=14_400,
        description="a complete session closes so long after its last event came",
    )
    close_idle_s: int = Field(
        default=1_800,
        ge=1,
        le=86_400,
        description="a session closes when nothing new came for so long",
    )
    keep_closed_s: int = Field(
        default=14_400,
        ge=0,
        le=86_400,
        description="closed sessions are kept so long, for late events",
    )
    expire_after_s: int = Field(
        default=21_600,
        ge=60,
        le=1_209_600,
        description="older events of unknown sessions are dead letters",
    )
    max_shard_skew_s: int = Field(
        default=300, ge=1, le=86_400, description="a shard so far ahead of the others pauses"
    )

    commit_every_s: float = Field(
        default=1.0, ge=0.01, le=60, description="time between commits, by the machine's clock"
    )
    shutdown_s: int = Field(
        default=25, ge=1, le=110, description="time to end after SIGTERM, by the machine's clock"
    )

    max_outbox_mb: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="reading slows, then rests, before so much (MB) waits to be sent",
    )
    max_events_per_session: int = Field(
        default=50_000, ge=100, le=10_000_000, description="events of one session beyond it are cut"
    )
    max_sessions_held: int = Field(
        default=1_000_000,
        ge=1,
        le=100_000_000,
        description="sessions in memory at most; events of others are dead letters, to be redriven",
    )
    max_series_per_set: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="series per dimension set, the rest counts as other",
    )
    max_series: int = Field(
        default=500, ge=1, le=1_000_000, description="series in all, the rest counts as other"
    )
    labels: Labels = Field(
        default={}, description="account_sid -> dimensions that all its series carry"
    )
    dimensions: DimensionsSetting = Field(
        default=dict(DEFAULT_DIMENSION_SETS),
        description="metric -> further dimension sets; replaces the default whole",
    )

    log_level: LogLevel = Field(default="info", description="least severe log lines shown")
    log_format: LogFormat = Field(
        default="auto", description="form of log lines; auto is pretty on a terminal"
    )
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="port of the page, /healthz, /readyz and /metrics, off if unset; 0 is any free "
        "one",
    )
    health_host: Host = Field(
        default="127.0.0.1",
        description="address to serve them at; 0.0.0.0 lets other machines ask",
    )
    page: PageSetting = Field(
        default="auto",
        description="whether the page of calls is served there, without authentication: on, off, "
        "or auto, which is on where health_host is this machine's own loopback",
    )
    page_hours: int = Field(
        default=6, ge=1, le=24, description="hours that the page shows, kept in memory (64 MiB)"
    )
    page_calls: int = Field(
        default=5_000, ge=0, le=20_000, description="closed calls that the page shows at most"
    )
    own_metrics: OwnMetrics = Field(
        default="auto",
        description="the worker's metrics about itself as EMF among the log lines: emf, off, or "
        "auto, which is emf where log lines are JSON",
    )
    own_namespace: Namespace = Field(
        default=DEFAULT_NAMESPACE,
        description="CloudWatch namespace of the worker's metrics about itself",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the given values only: they have been laid over each other by now."""
        return (init_settings,)

    @field_validator("*", mode="before")
    @classmethod
    def _no_setting_is_a_boolean(cls, value: object) -> object:
        if isinstance(value, bool):
            raise PydanticCustomError("boolean", "is no boolean")
        return value

    @model_validator(mode="after")
    def _limits_fit_each_other(self) -> Settings:
        for low, high in _ASCENDING:
            if getattr(self, low) > getattr(self, high):
                raise PydanticCustomError("ascending", "{low} > {high}", {"low": low, "high": high})
        return self
