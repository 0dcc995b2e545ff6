"""Size and cost of a deployment by calls a day. Pure arithmetic over stated assumptions.

Prices are list prices in dollars (AWS: us-east-1, Linux on x86; a month is 30 days), without free
tiers except Twilio's. Regions, contracts and new price lists differ: the proportions matter most.
"""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE, OWN_DIMENSION_VALUES
from worker.monitoring.alarms import alarms
from worker.monitoring.deployment import Deployment
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.fleet_catalogue import FLEET_ONLY

CALLS_A_DAY: Final = (100, 1_000, 10_000, 100_000, 1_000_000)

DAYS: Final = 30
HOURS: Final = 24 * DAYS

# of calls
EVENTS_A_SESSION: Final = 120
"""ConversationRelay events of a call of three minutes and about ten turns."""
OTHER_EVENTS: Final = 20
"""Gateway events of the same call, which the same subscription delivers."""
BUSIEST_HOUR: Final = 0.15
"""The busiest hour's share of a day's calls."""
BURST: Final = 3
"""The peak second's rate as a multiple of the busiest hour's average."""

# of the worker
EVENTS_A_S: Final = 6_000
"""The rate planned for one processor in the busiest hour: less than a quarter of the benchmark's
(docs/bench.json, live, a core), which leaves room to catch up after a pause. A second processor
is not planned for: the benchmark shows no gain in elapsed time from it."""
MOST_EVENTS_A_S: Final = 21_000
"""The rate up to which one processor still does in the busiest hour, with less room: 70 % of what
the benchmark measures. Beyond it the work is for a fleet.
"""
FLEET_EVENTS_A_S: Final = 15_000
"""The same for a processor of a fleet, whose work for each record is 1.3 to 1.5 times as much."""
FLEET_TASKS: Final = 2
"""Tasks of the smallest fleet, so that one takes over from the other."""
BUCKETS: Final = 16
BUNDLED_BYTES: Final = 130
"""The bytes of a record of 1 KB in the keyed stream, bundled and compressed."""
BUNDLES_A_S: Final = 1.0
"""Bundles a second that a shard's router makes for each bucket."""
SHARD_BYTES_A_S: Final = 1_000_000
"""The bytes that a shard accepts per second."""
HELD_S: Final = 1_000
"""The time that a session is in memory: the call, its last events' delay, its close, the holds."""
HELD_KB: Final = 8
"""Memory per session; the benchmark measures less for sessions of 120 events, process included."""
KEPT_S: Final = 14_400
KEPT_KB: Final = 0.1
"""Memory for a session that is closed and kept in the store."""
BASE_MB: Final = 400
COMMIT_S: Final = 5
"""The commit interval in infra/service.yaml."""
SERIES_BY_DIMENSION: Final = sum(OWN_DIMENSION_VALUES.values()) + 5 + 4 + 6 + 3 * 3
"""Series for interruption types and end statuses, five error codes, four speech models, six
voices, and three languages for each of three metrics."""
RECORD_KB: Final = 1.0
"""A session record, compressed together with its neighbours."""
RECORD_DAYS: Final = 400

_TWILIO_TIERS: Final = (
    (100_000, 0.0),
    (100_000_000, 0.04),
    (1_000_000_000, 0.015),
    (10_000_000_000, 0.0075),
    (None, 0.0065),
)
"""Each tier's upper bound in events a month, and its price in dollars per thousand events."""

TASKS: Final = (
    (256, (512, 1024, 2048)),
    (512, (1024, 2048, 3072, 4096)),
    (1024, (2048, 3072, 4096, 5120, 6144, 7168, 8192)),
)
"""Processor sizes in 1/1024, up to one, and the memory sizes in MiB that Fargate has for each."""

SHARD_HOUR: Final = 0.015
RETENTION_SHARD_HOUR: Final = 0.02
MILLION_PUTS: Final = 0.014
VCPU_HOUR: Final = 0.04048
GB_HOUR: Final = 0.004445
ADDRESS_HOUR: Final = 0.005
SERIES_MONTH: Final = 0.30
THOUSAND_METRIC_REQUESTS: Final = 0.01
ALARM_METRIC: Final = 0.10
DASHBOARD: Final = 3.0
LOG_GB: Final = 0.50
LOG_GB_A_MONTH: Final = 0.3
THOUSAND_OBJECT_PUTS: Final = 0.005
STORED_GB: Final = 0.023


class Size(NamedTuple):
    """The size of a deployment. ``events_s``: events per second in the busiest hour. ``cpu`` is
    in 1/1024 and ``memory`` in MiB, of each task. More ``tasks`` than one are a fleet, whose second
    stream has ``keyed_shards``.
    """

    events_s: float
    shards: int
    sessions_held: int
    cpu: int
    memory: int
    series: int
    tasks: int = 1
    keyed_shards: int = 0


class Cost(NamedTuple):
    """The monthly cost in dollars."""

    twilio: float
    kinesis: float
    fargate: float
    cloudwatch: float
    s3: float

    @property
    def total(self) -> float:
        """The sum of all costs."""
        return sum(self)


def size_of(calls_a_day: int) -> Size:
    """The size that so many calls a day need."""
    sessions_s = calls_a_day * BUSIEST_HOUR / 3600
    events_s = sessions_s * (EVENTS_A_SESSION + OTHER_EVENTS)
    held = ceil(sessions_s * HELD_S)
    in_memory = (held * HELD_KB + sessions_s * KEPT_S * KEPT_KB) / 1024
    shards = max(1, ceil(events_s * BURST / 1000))
    series = len(CATALOGUE) + SERIES_BY_DIMENSION + len(TELEMETRY_METRICS)
    one = _task(min(1024, 1024 * events_s / EVENTS_A_S), BASE_MB + in_memory)
    if events_s <= MOST_EVENTS_A_S and one is not None:
        return Size(events_s, shards, held, *one, series)
    tasks = fleet_tasks(events_s)
    while (each := _task(1024, BASE_MB + in_memory / tasks)) is None:
        tasks += 1
    keyed = max(tasks, keyed_shards(events_s))
    return Size(events_s, shards, held, *each, series + len(FLEET_ONLY), tasks, keyed)


def fleet_tasks(events_s: float) -> int:
    """The tasks that a fleet needs for so many events a second."""
    return max(FLEET_TASKS, ceil(events_s / FLEET_EVENTS_A_S))


def keyed_shards(events_s: float) -> int:
    """The shards that the keyed stream of a fleet needs for so many events a second."""
    return max(FLEET_TASKS, ceil(events_s * BURST * BUNDLED_BYTES / SHARD_BYTES_A_S))


def second_stream(shards: int, keyed: int) -> float:
    """Return the cost in dollars a month of a keyed stream of ``keyed`` shards beside a source of
    ``shards``: its shards, seven days of records, and the bytes put.
    """
    puts = shards * BUCKETS * BUNDLES_A_S * HOURS * 3600
    return keyed * HOURS * (SHARD_HOUR + RETENTION_SHARD_HOUR) + puts / 1e6 * MILLION_PUTS


def cost_of(calls_a_day: int) -> Cost:
    """The monthly cost of so many calls a day. A fleet's lease tables, some $15 to 40, are left
    out.
    """
    size = size_of(calls_a_day)
    events = calls_a_day * DAYS * (EVENTS_A_SESSION + OTHER_EVENTS)
    buckets = 1 if size.tasks == 1 else BUCKETS
    commits = buckets * HOURS * 3600 / COMMIT_S
    # Puts: for each commit a segment and the manifest; for each one that closes sessions an object
    # and two notes; for each minute two requests with metrics and their notes.
    closing = min(1.0, calls_a_day / buckets / 86_400 * COMMIT_S)
    puts = commits * (2 + 3 * closing) + buckets * HOURS * 60 * 4
    stored_gb = calls_a_day * RECORD_DAYS * RECORD_KB / 1e6
    alarm_metrics = sum(len(alarm.metrics) for alarm in alarms(Deployment("any", "any")))
    return Cost(
        twilio=event_streams(events),
        kinesis=size.shards * HOURS * (SHARD_HOUR + RETENTION_SHARD_HOUR)
        + events / 1e6 * MILLION_PUTS
        + (second_stream(size.shards, size.keyed_shards) if size.tasks > 1 else 0),
        fargate=size.tasks
        * HOURS
        * (size.cpu / 1024 * VCPU_HOUR + size.memory / 1024 * GB_HOUR + ADDRESS_HOUR),
        cloudwatch=size.series * SERIES_MONTH
        + buckets * HOURS * 60 * 2 / 1000 * THOUSAND_METRIC_REQUESTS
        + alarm_metrics * ALARM_METRIC
        + DASHBOARD
        + LOG_GB_A_MONTH * LOG_GB,
        s3=puts / 1000 * THOUSAND_OBJECT_PUTS + stored_gb * STORED_GB,
    )


def event_streams(events: float) -> float:
    """Twilio's price for so many events a month, in dollars."""
    dollars, below = 0.0, 0.0
    for upto, price in _TWILIO_TIERS:
        within = events if upto is None else min(events, upto)
        dollars += max(0.0, within - below) / 1000 * price
        below = within
    return dollars


def sizing_table(calls_a_day: tuple[int, ...]) -> str:
    """A Markdown table with a row for each number of calls a day."""
    heads = (
        *(
            "calls a day",
            "events/s, busiest hour",
            "shards",
            "task",
            "sessions in memory",
            "series",
        ),
        *("Twilio Event Streams", "Kinesis", "Fargate", "CloudWatch", "S3", "in all"),
    )
    lines = [heads, ("---:",) * len(heads), *map(_cells, calls_a_day)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(calls: int) -> tuple[str, ...]:
    size, cost = size_of(calls), cost_of(calls)
    task = f"{size.cpu / 1024:g} vCPU, {size.memory / 1024:g} GB"
    if size.tasks > 1:
        task = f"fleet of {size.tasks}: {task}; {size.keyed_shards} keyed shards"
    return (
        f"{calls:,}",
        f"{size.events_s:,.0f}" if size.events_s >= 10 else f"{size.events_s:.1f}",
        f"{size.shards:,}",
        task,
        f"{size.sessions_held:,}",
        f"{size.series}",
        *(f"${dollars:,.0f}" for dollars in (*cost, cost.total)),
    )


def fleet_note(calls_a_day: int) -> str:
    """A line on whether a fleet is for so many calls a day, and what its second stream costs."""
    size = size_of(calls_a_day)
    load = size.events_s / (MOST_EVENTS_A_S / 0.7)
    keyed = size.keyed_shards or keyed_shards(size.events_s)
    dollars = f"${second_stream(size.shards, keyed):,.0f} a month"
    if size.tasks == 1:
        return (
            f"{calls_a_day:,} calls a day: one task is enough, with {load:.1%} of a core in the "
            f"busiest hour; a fleet's second stream would cost {dollars}"
        )
    return (
        f"{calls_a_day:,} calls a day: more than 70 % of a core, so a fleet of {size.tasks} tasks "
        f"(docs/fleet.md); its second stream costs {dollars} of what Kinesis does"
    )


def _task(cpu: float, memory_mb: float) -> tuple[int, int] | None:
    for units, memories in TASKS:
        for mib in memories:
            if units >= cpu and mib >= memory_mb:
                return units, mib
    return None
