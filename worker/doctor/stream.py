"""Checks of the stream itself: its configuration, and whether it carries the load. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.doctor.facts import Expectations, Facts, Load, StreamFacts, StreamSample
from worker.doctor.findings import Finding, fail, not_known, ok, warn

RECORDS_A_SHARD: Final = 1000
BYTES_A_SHARD: Final = 1 << 20
"""A shard's write limits per second."""

_NEARLY_FULL: Final = 0.7
_AT_LEAST_MS: Final = 60_000
_MORE_PROVISIONED: Final = "add shards (UpdateShardCount), or make the stream on-demand"
_MORE_ON_DEMAND: Final = "it grows by itself within minutes; warm throughput avoids the wait"

_CHECKS: Final = ("stream status", "distribution", "encryption", "retention", "shards")


def stream(facts: Facts, expected: Expectations) -> Iterator[Finding]:
    """Check status, distribution, encryption, retention, and shards against load."""
    if facts.stream is None:
        for check in _CHECKS:
            yield not_known(check, "the stream could not be described", "see DescribeStreamSummary")
        return
    yield _status(facts.stream)
    yield _distribution(facts.stream)
    yield _encryption(facts.stream)
    yield _retention(facts.stream, expected.survive_h)
    yield _shards(facts.stream, facts.load or _load_by(facts.sample, facts.stream))


def _status(one: StreamFacts) -> Finding:
    found = f"{one.status}, {one.open_shards} open shards, {one.mode.lower().replace('_', '-')}"
    if one.status == "ACTIVE":
        return ok("stream status", found)
    if one.status == "UPDATING":
        return ok("stream status", f"{found}: it is being resharded, which the worker follows")
    return fail("stream status", found, "wait until it is ACTIVE, or name another stream")


def _distribution(one: StreamFacts) -> Finding:
    if one.distribution is None:
        return ok(
            "distribution",
            "not reported by this service; partition keys decide the shard, which the worker "
            "doesn't rely on",
        )
    if one.distribution == "AUTO":
        return ok(
            "distribution", "AUTO: partition keys are ignored, which doesn't affect the worker"
        )
    return ok("distribution", f"{one.distribution}: partition keys decide the shard")


def _encryption(one: StreamFacts) -> Finding:
    if one.encryption == "NONE":
        return warn(
            "encryption",
            "none: records are stored unencrypted",
            "turn on server-side encryption; with your own key Twilio's role needs "
            "kms:GenerateDataKey, and the worker kms:Decrypt",
        )
    return ok("encryption", f"{one.encryption}; if GetRecords works, the key is granted")


def _retention(one: StreamFacts, survive_h: int) -> Finding:
    found = f"{one.retention_h} h, against an outage of {survive_h} h to survive"
    if one.retention_h > survive_h:
        return ok("retention", found)
    return warn(
        "retention",
        found,
        "a longer outage loses records unread, and leaves no time to catch up: raise the retention "
        "(IncreaseStreamRetentionPeriod), or lower --survive",
    )


def _load_by(sample: StreamSample | None, one: StreamFacts) -> Load | None:
    """The load of the sample's shards, scaled to all shards; None if it was nothing."""
    if sample is None or not sample.records:
        return None
    scale = one.open_shards / sample.shards * 1000 / max(_AT_LEAST_MS, sample.span_ms)
    return Load(sample.records * scale, sample.bytes * scale, None, "from the sample, not a peak")


def _shards(one: StreamFacts, load: Load | None) -> Finding:
    if load is None:
        return not_known(
            "shards", "no traffic seen, and the stream has no metrics", "run again under traffic"
        )
    share = max(
        load.records_s / (RECORDS_A_SHARD * max(1, one.open_shards)),
        load.bytes_s / (BYTES_A_SHARD * max(1, one.open_shards)),
    )
    found = (
        f"peak {load.records_s:,.1f} records/s and {load.bytes_s / 1024:,.1f} KiB/s, "
        f"{share:.0%} of {one.open_shards} shards ({load.source})"
    )
    more = _MORE_ON_DEMAND if one.mode == "ON_DEMAND" else _MORE_PROVISIONED
    if load.refused:
        return warn("shards", f"{found}; {load.refused:,} puts were throttled", more)
    if share > _NEARLY_FULL:
        return warn("shards", found, more)
    return ok("shards", found)
