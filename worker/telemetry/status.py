"""A worker's status in a few lines, from its metrics page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from worker.telemetry.fleet_catalogue import FLEET_METRICS
from worker.telemetry.snapshot import TelemetrySnapshot

ScrapedValues = Mapping[str, Mapping[str, float]]
"""Values by metric (the catalogue's name) and label; the label is empty for a metric without."""

_LINE: Final = re.compile(r'(\w+)(?:\{\w+="((?:[^"\\]|\\.)*)"\})? (\S+)')
_NAMES: Final = {metric.prometheus_name: metric.name for metric in FLEET_METRICS.values()}
_REQUESTS: Final = "requests"
_APPLIED, _REFUSED = "RequestsApplied", "RequestsRefused"
_OUTCOMES: Final = (
    (_APPLIED, "applied"),
    (_REFUSED, "refused, retried"),
    ("RequestsAmbiguous", "unknown"),
    ("RequestsInvalid", "invalid"),
    ("RequestsTooOld", "too old"),
    ("RequestsDropped", "given up"),
)


def values_of(page: str) -> ScrapedValues:
    """Parse a metrics page. Values are in Prometheus's base units, so times are in s."""
    found: dict[str, dict[str, float]] = {}
    for line in page.splitlines():
        match = _LINE.fullmatch(line)
        if match is not None and match[1] in _NAMES:
            label = re.sub(r"\\(.)", r"\1", match[2] or "")
            found.setdefault(_NAMES[match[1]], {})[label] = float(match[3])
    return found


def values_of_snapshot(snapshot: TelemetrySnapshot) -> ScrapedValues:
    """Return the same values from the worker's own snapshot."""
    found: dict[str, dict[str, float]] = {}
    for name, value in snapshot.values.items():
        found[name] = {"": value / FLEET_METRICS[name].prometheus_divisor}
    for name, by_label in snapshot.by_label.items():
        divisor = FLEET_METRICS[name].prometheus_divisor
        found[name] = {label: value / divisor for label, value in by_label.items()}
    return found


class StatusLine(msgspec.Struct, frozen=True):
    """A line of the status; ``fine`` is False if it needs attention."""

    name: str
    text: str
    fine: bool = True


def status_of(
    values: ScrapedValues, last_sent: Mapping[str, int] | None = None, now: int = 0
) -> list[StatusLine]:
    """The status: whether the numbers can be trusted, and whether output is being sent.
    ``last_sent``: when an attempt to send last ended in each outcome, by the metric that counts it;
    None if only counts are known. Both this and ``now`` in epoch ms.
    """
    lines = [of(values) for of in _LINES]
    if "BucketsHeld" in values:
        lines += [_buckets(values), _routed(values)]
    if last_sent is None:
        return lines
    return [_sent_at(last_sent, now) if line.name == _REQUESTS else line for line in lines]


def _one(values: ScrapedValues, name: str) -> float:
    return max(values.get(name, {}).values(), default=0)


def _lag(values: ScrapedValues) -> StatusLine:
    by_shard = values.get("MillisBehindLatest", {})
    lag = max(by_shard.values(), default=0)
    shard = max(by_shard, key=lambda one: by_shard[one], default="")
    behind = f", {shard} is furthest behind" if lag else ""
    return StatusLine("lag", f"{_seconds(lag)} behind the tip{behind}", lag < _LAG_S)


def _shards(values: ScrapedValues) -> StatusLine:
    live, paused = _one(values, "ShardsLive"), _one(values, "ShardsPaused")
    backpressure = _one(values, "Backpressure")
    resting = f", backpressure {backpressure:.0%}" if backpressure else ""
    return StatusLine("shards", f"{live:.0f} live, {paused:.0f} paused{resting}", not backpressure)


def _time(values: ScrapedValues) -> StatusLine:
    lag = _one(values, "StreamTimeLag")
    held = values.get("StreamTimeHeldBack", {})
    by = ", ".join(f"held back by {shard}" for shard, s in sorted(held.items()) if s)
    return StatusLine(
        "stream time", f"{_seconds(lag)} ago{', ' if by else ''}{by}", lag < _TIME_LAG_S
    )


def _occurrences(values: ScrapedValues) -> StatusLine:
    read, lost = _one(values, "Occurrences"), _one(values, "Unaccounted")
    folded, repeated = _one(values, "Folded"), _one(values, "Duplicates")
    text = f"{read:,.0f} read, {folded:,.0f} new events, {repeated:,.0f} duplicates"
    return StatusLine(
        "occurrences", text if not lost else f"{text}, {lost:,.0f} unaccounted", not lost
    )


def _dead_letters(values: ScrapedValues) -> StatusLine:
    dead, aside = _one(values, "DeadLetters"), _one(values, "SessionsQuarantined")
    text = f"{dead:,.0f} occurrences" + (f", {aside:,.0f} sessions quarantined" if aside else "")
    return StatusLine("dead letters", text, not dead and not aside)


def _outbox(values: ScrapedValues) -> StatusLine:
    entries, size = _one(values, "OutboxEntries"), _one(values, "OutboxSize")
    age = _one(values, "OutboxAge")
    oldest = f", the oldest {_seconds(age)} old" if entries else ""
    return StatusLine("outbox", f"{entries:,.0f} requests, {_bytes(size)}{oldest}", age < _AGE_S)


def _sends(values: ScrapedValues) -> StatusLine:
    counts = [(_one(values, name), text) for name, text in _OUTCOMES]
    shown = [f"{count:,.0f} {text}" for count, text in counts if count]
    return StatusLine(
        _REQUESTS, ", ".join(shown) or "none", not any(count for count, _ in counts[2:])
    )


def _sent_at(last_sent: Mapping[str, int], now: int) -> StatusLine:
    known = [(now - last_sent[name], text) for name, text in _OUTCOMES if name in last_sent]
    shown = [f"{text} {_seconds(max(0, ago) / 1000)} ago" for ago, text in known]
    applied = last_sent.get(_APPLIED, 0)
    refused_last = last_sent.get(_REFUSED, 0) > applied
    lost = any(
        now - at < _LOST_MS for name, at in last_sent.items() if name not in (_APPLIED, _REFUSED)
    )
    return StatusLine(_REQUESTS, ", ".join(shown) or "none yet", not refused_last and not lost)


def _commit(values: ScrapedValues) -> StatusLine:
    age, size = _one(values, "CommitAge"), _one(values, "StateSize")
    return StatusLine("commit", f"{_seconds(age)} ago, state {_bytes(size)}", age < _COMMIT_S)


def _sessions(values: ScrapedValues) -> StatusLine:
    opened, held = _one(values, "SessionsOpen"), _one(values, "SessionsHeld")
    closed = _one(values, "SessionsClosed")
    return StatusLine(
        "sessions", f"{opened:,.0f} open, {held:,.0f} in memory, {closed:,.0f} closed"
    )


def _buckets(values: ScrapedValues) -> StatusLine:
    held, refused = _one(values, "BucketsHeld"), _one(values, "BundlesRefused")
    text = f"{held:,.0f} held" + (f", {refused:,.0f} bundles refused" if refused else "")
    return StatusLine("buckets", text, not refused)


def _routed(values: ScrapedValues) -> StatusLine:
    routed, lag = _one(values, "RoutedRecords"), _one(values, "RouterBehindMillis")
    twice = _one(values, "RoutedTwice")
    text = f"{routed:,.0f} records, {_seconds(lag)} behind the tip; {twice:,.0f} came twice"
    return StatusLine("routed", text, lag < _LAG_S)


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < _MINUTES_FROM else f"{seconds / 60:.0f} min"


def _bytes(size: float) -> str:
    return f"{size / 1000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


_LAG_S: Final = 60
_TIME_LAG_S: Final = 300
_AGE_S: Final = 300
_COMMIT_S: Final = 60
_MINUTES_FROM: Final = 120
_LOST_MS: Final = 600_000
"""How long (ms) an attempt that may have lost data needs attention."""
_LINES: Final[tuple[Callable[[ScrapedValues], StatusLine], ...]] = (
    *(_lag, _shards, _time, _occurrences, _dead_letters, _outbox, _sends, _commit, _sessions),
)
