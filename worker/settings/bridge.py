"""The settings of the bridge from Pinecall, beside those that it shares with the worker."""

from __future__ import annotations

from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

from worker.settings.values import Address, Location, PinecallAccount, PinecallEnv

SHARED: Final = (
    *("region", "endpoint_url", "expire_after_s", "commit_every_s", "shutdown_s"),
    *("log_level", "log_format", "health_port", "health_host", "own_metrics", "own_namespace"),
)
"""Settings of the worker that the bridge goes by as well."""


class BridgeSettings(BaseSettings):
    """Durations are seconds by the machine's clock."""

    pinecall_account: PinecallAccount | None = Field(
        default=None, description="what the bridge's calls have for their account"
    )
    pinecall_url: Address = Field(
        default="https://cloud.pinecall.io", description="where Pinecall is"
    )
    pinecall_env: PinecallEnv | None = Field(
        default=None,
        description="world that a person's key is to read: production or sandbox; a server's key "
        "has its own",
    )
    pinecall_checkpoint: Location = Field(
        default="pinecall-bridge.json",
        description="where the bridge remembers how far it is: a file, or s3://bucket/prefix",
    )
    pinecall_expired: Location = Field(
        default="pinecall-expired",
        description="where recordings go of calls too old for the stream: a folder, or "
        "s3://bucket/prefix",
    )
    pinecall_poll_s: float = Field(
        default=60.0, ge=0.1, le=3_600, description="time between two looks at the list of calls"
    )
    pinecall_lookback_s: int = Field(
        default=3_600,
        ge=0,
        le=1_209_600,
        description="without a checkpoint, calls are bridged that began at most so long ago",
    )
    max_pinecall_calls: int = Field(
        default=500, ge=1, le=10_000, description="calls followed at once; others wait"
    )
