"""The parts' rules and limits, in their own units, from the settings in seconds."""

from __future__ import annotations

from ipaddress import ip_address

from worker.metrics.series import SeriesRules
from worker.partition.rules import Rules
from worker.service.ports import Limits
from worker.settings.model import Settings


def rules_of(settings: Settings) -> Rules:
    """The partition's rules, in ms of stream time."""
    return Rules(
        hold_direct=settings.hold_direct_s * 1000,
        hold_turn=settings.hold_turn_s * 1000,
        quiet=settings.quiet_s * 1000,
        hold_max=settings.hold_max_s * 1000,
        hold_hole=settings.hold_hole_s * 1000,
        release_every=settings.release_every_s * 1000,
        close_after_wrap_up=settings.close_after_wrap_up_s * 1000,
        close_idle=settings.close_idle_s * 1000,
        keep_closed=settings.keep_closed_s * 1000,
        expire_after=settings.expire_after_s * 1000,
        max_events=settings.max_events_per_session,
        max_held=settings.max_sessions_held,
        sequence_numbers=settings.sequence_numbers,
        timeline=settings.timeline == "on",
        totals="otlp" in settings.sink
        or (settings.health_port is not None and settings.prometheus_calls != "off"),
        exemplars="otlp" in settings.sink and settings.traces != "off",
        series=SeriesRules(
            sets=settings.dimensions,
            labels=settings.labels,
            per_set=settings.max_series_per_set,
            in_all=settings.max_series,
        ),
    )


def limits_of(settings: Settings) -> Limits:
    """The service's limits, in its own units."""
    return Limits(
        settings.commit_every_s,
        settings.max_shard_skew_s * 1000,
        settings.max_outbox_mb * 1_000_000,
    )


def page_is_served(settings: Settings) -> bool:
    """Whether the page of calls is served, beside health and metrics."""
    if settings.health_port is None:
        return False
    loopback = ip_address(settings.health_host).is_loopback
    return settings.page == "on" or (settings.page == "auto" and loopback)
