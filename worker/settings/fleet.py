"""The settings of a fleet: several tasks that share one stream's work."""

from __future__ import annotations

from pydantic import BaseModel, Field

from worker.settings.values import FleetEngineName, FleetName, StreamName, Switch


class FleetSettings(BaseModel):
    """The settings that ``voice-insights fleet`` has beside those of a single worker."""

    fleet_stream: StreamName | None = Field(
        default=None,
        description="keyed stream, by name or ARN: the router puts each session's records there",
    )
    fleet_name: FleetName = Field(
        default="voice-insights",
        description="name of the fleet, with which the names of its lease tables begin",
    )
    fleet_buckets: int = Field(
        default=16,
        ge=1,
        le=256,
        description="buckets that sessions are divided into; `fleet init` fixes the number for "
        "good",
    )
    fleet_engine: FleetEngineName | None = Field(
        default=None,
        description="library that leases shards: kcl-rs, or daemon, AWS's Java library; none by "
        "default",
    )
    fleet_idle_ms: int = Field(
        default=500,
        ge=200,
        le=60_000,
        description="time between two polls of a shard by the engine",
    )
    fleet_fan_out: Switch = Field(
        default="off",
        description="whether the engine reads both streams by enhanced fan-out, which AWS charges "
        "for by shard and volume",
    )
