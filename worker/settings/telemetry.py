"""The settings of the worker's log, its pages and its telemetry."""

from __future__ import annotations

from pydantic import BaseModel, Field

from worker.settings.values import (
    Host,
    LogFormat,
    LogLevel,
    Namespace,
    OwnMetrics,
    PageSetting,
    PrometheusCalls,
)
from worker.telemetry.calls import AUTO_SERIES
from worker.telemetry.catalogue import DEFAULT_NAMESPACE


class TelemetrySettings(BaseModel):
    """The settings of the log, the health port and the telemetry."""

    log_level: LogLevel = Field(
        default="info", description="least severe level of log lines to write"
    )
    log_format: LogFormat = Field(
        default="auto", description="format of log lines; auto is pretty on a terminal, else json"
    )
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="port of the page, /healthz, /readyz and /metrics; off if unset; 0 picks a "
        "free port",
    )
    health_host: Host = Field(
        default="127.0.0.1",
        description="address to serve the health port at; 0.0.0.0 lets other machines connect",
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
    prometheus_calls: PrometheusCalls = Field(
        default="auto",
        description="whether /metrics has the metrics of calls, too: on, off, or auto, which shows "
        f"at most {AUTO_SERIES} series; those without dimensions where there are more",
    )
    own_metrics: OwnMetrics = Field(
        default="auto",
        description="the worker's telemetry as EMF among the log lines: emf, off, or auto, which "
        "is emf if log lines are JSON",
    )
    own_namespace: Namespace = Field(
        default=DEFAULT_NAMESPACE,
        description="CloudWatch namespace of the worker's telemetry",
    )
