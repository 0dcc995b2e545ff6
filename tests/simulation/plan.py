"""What one run of the simulation is: traffic, rules, and a list of faults; all from its seed.

A fault is a value. Leaving some of them out makes another run that is just as deterministic,
and that is how a failing plan is made smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, Literal, NamedTuple

from worker.outbox.destination import OnAmbiguous
from worker.partition.rules import Rules
from worker.sources.kinesis.api import StreamFailureKind
from worker.stream.position import Start
from worker.testing.habits import Habits
from worker.testing.strict_cloudwatch import CloudWatchFault as MetricsFault
from worker.testing.strict_otlp import OtlpFault
from worker.testing.strict_s3 import S3Fault as StoreFaultKind
from worker.testing.traffic import Traffic

Point = Literal[
    "read",
    "recall",
    "before S3 call",
    "after S3 call",
    "before take",
    "after take",
    "before append",
    "after append",
    "before claim",
    "after claim",
    "before send",
    "after send",
    "before settle",
    "after settle",
    "before put",
    "after put",
    "before checkpoint",
    "after checkpoint",
]
"""Where a worker can be interrupted: beside each of its effects, before and after."""


class Crash(NamedTuple):
    """The worker that comes to ``point`` for the nth time (of all workers) dies there."""

    point: Point
    nth: int
    down_ms: int


class TakeOver(NamedTuple):
    """A worker stands still at the nth ``point``. Another one takes the partition and makes
    ``steps`` steps; then the first wakes up where it stood.
    """

    point: Point
    nth: int
    steps: int


class StandStill(NamedTuple):
    """The same between two steps: after ``at`` ms, for ``steps`` steps of the other worker."""

    at: int
    steps: int


class Stall(NamedTuple):
    """Nobody does anything for ``length`` ms from ``at`` ms on; iterators expire."""

    at: int
    length: int


class ReadFault(NamedTuple):
    """The nth call to Kinesis fails, or gets an answer without the records that are there."""

    nth: int
    fault: StreamFailureKind | Literal["empty"]


class SendFault(NamedTuple):
    """The nth call to CloudWatch fails, applied or not."""

    nth: int
    fault: MetricsFault


class OtlpFaultAt(NamedTuple):
    """The nth request over OTLP fails, taken or not."""

    nth: int
    fault: OtlpFault


class WriteFault(NamedTuple):
    """Nobody knows whether the nth block of lines was written; ``written``: whether it was."""

    nth: int
    written: bool


class StoreFault(NamedTuple):
    """The nth call to S3 fails, carried out or not."""

    nth: int
    fault: StoreFaultKind


class Poison(NamedTuple):
    """CloudWatch calls every request invalid that holds this metric."""

    metric: str


class Reshard(NamedTuple):
    """A shard is split, or merged with its neighbour, after ``at`` ms."""

    at: int
    kind: Literal["split", "merge"]
    which: int


class Redelivery(NamedTuple):
    """The nth record comes ``later`` ms later; again as well, or only then."""

    nth: int
    later: int
    again: bool


class PutFault(NamedTuple):
    """The nth request to put into the keyed stream goes wrong: some records are refused; or nobody
    knows, and it was carried out, or not, or will be ``later`` ms from then.
    """

    nth: int
    kind: Literal["throttled", "lost", "applied", "late"]
    later: int = 0


class KeyedReshard(NamedTuple):
    """A shard of the keyed stream is split, or merged with its neighbour, after ``at`` ms."""

    at: int
    kind: Literal["split", "merge"]
    which: int


class Steal(NamedTuple):
    """A task that comes to ``point`` for the nth time (of all tasks) loses its leases there without
    a word, and goes on; others take them.
    """

    point: Point
    nth: int


Fault = (
    Crash
    | PutFault
    | KeyedReshard
    | Steal
    | TakeOver
    | StandStill
    | Stall
    | ReadFault
    | SendFault
    | OtlpFaultAt
    | WriteFault
    | StoreFault
    | Poison
    | Reshard
    | Redelivery
)


@dataclass(frozen=True, slots=True)
class Plan:
    """``patient``: the holds outlast every delay, so that nothing told is ever retracted.

    ``quiet_ms``: a stretch without traffic between two bursts of sessions. ``two_platforms``:
    whether a call of another platform is among them.
    """

    seed: int
    patient: bool
    traffic: Traffic
    quiet_ms: int
    start: Start
    commit_every_s: float
    on_ambiguous: OnAmbiguous
    store: Literal["sqlite", "s3"]
    outbox_bytes: int
    faults: tuple[Fault, ...]
    two_platforms: bool = False
    buckets: int = 0
    """Of a fleet; 0 for a single worker."""
    tasks: int = 1

    @property
    def rules(self) -> Rules:
        """The partition's rules."""
        return PATIENT if self.patient else LIVE

    @property
    def poison(self) -> frozenset[str]:
        """The metrics that CloudWatch won't have."""
        return frozenset(one.metric for one in self.faults if isinstance(one, Poison))


_MINUTE: Final = 60_000
_LATEST_PATIENT: Final = 5 * _MINUTE

LIVE: Final = Rules(close_idle=10 * _MINUTE, keep_closed=360 * _MINUTE, totals=True)
PATIENT: Final = Rules(
    hold_direct=10 * _MINUTE,
    hold_turn=12 * _MINUTE,
    hold_max=15 * _MINUTE,
    hold_hole=12 * _MINUTE,
    close_after_wrap_up=10 * _MINUTE,
    close_idle=15 * _MINUTE,
    keep_closed=360 * _MINUTE,
    totals=True,
)
"""Holds that outlast every first delivery: none takes 10 minutes, late ones included."""

_OFTEN: Final[dict[Point, int]] = {
    "read": 60,
    "recall": 60,
    "before S3 call": 500,
    "after S3 call": 500,
    "before take": 4,
    "after take": 4,
    "before append": 50,
    "after append": 50,
    "before claim": 40,
    "after claim": 40,
    "before send": 15,
    "after send": 15,
    "before settle": 10,
    "after settle": 10,
}
"""About how often a run comes to each point."""

_READ_FAULTS: Final[tuple[StreamFailureKind | Literal["empty"], ...]] = (
    StreamFailureKind.THROTTLED,
    StreamFailureKind.UNAVAILABLE,
    StreamFailureKind.EXPIRED,
    StreamFailureKind.GONE,
    StreamFailureKind.DENIED,
    "empty",
)


_STORE_FAULTS: Final = [one for one in StoreFaultKind if one is not StoreFaultKind.DENIED]
"""All but what only an operator can mend, which ends a worker."""


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    rng = Random(f"{seed}:plan")
    patient = rng.random() < 0.5
    sessions = rng.randrange(3, 6)
    traffic = Traffic(
        sessions=sessions,
        shards=1,
        spread_s=sessions * rng.choice((5.0, 20.0, 60.0)),
        delay_median_s=rng.choice((0.0, 5.0, 20.0)),
        stragglers=0.0,
        duplicates=0.0 if patient else 0.03,  # a late copy may keep its whole bundle waiting
        lost=0.01,
        malformed=0.02,
        other_types=0.05,
        aggregates=rng.choice((0.0, 0.3)),
        habits=Habits(turns=rng.choice((1.0, 2.0)), no_wrap_up=0.1, novelties=0.01),
    )
    return Plan(
        seed=seed,
        patient=patient,
        traffic=traffic,
        quiet_ms=rng.choice((0, 0, rng.randrange(5, 45) * _MINUTE)),
        start=rng.choice(("trim_horizon", traffic.start_ms)),
        commit_every_s=rng.choice((0.5, 3.0, 15.0)),
        on_ambiguous=rng.choice(("resend", "resend", "drop")),
        store=rng.choice(("sqlite", "s3")),
        outbox_bytes=rng.choice((10_000, 1 << 30)),
        faults=tuple(_faults(rng, patient)),
        two_platforms=rng.random() < 0.5,
    )


def _faults(rng: Random, patient: bool) -> list[Fault]:
    span = rng.choice((8, 40)) * _MINUTE
    most = rng.choice((1, 3, 8))
    faults: list[Fault] = []
    for _ in range(rng.randrange(1, most + 1)):
        point = rng.choice(tuple(_OFTEN))
        nth = rng.randrange(1, _OFTEN[point] + 1)
        if rng.random() < 0.65:
            faults.append(Crash(point, nth, rng.choice((0, 1000, rng.randrange(600_000)))))
        else:
            faults.append(TakeOver(point, nth, rng.randrange(1, 40)))
    for _ in range(rng.randrange(most)):
        if rng.random() < 0.5:
            faults.append(StandStill(rng.randrange(span), rng.randrange(1, 40)))
        else:
            faults.append(Stall(rng.randrange(span), rng.choice((20_000, 400_000, 900_000))))
        faults.append(
            Reshard(rng.randrange(span), rng.choice(("split", "merge")), rng.randrange(9))
        )
    if rng.random() < 0.1:
        faults.append(Poison(rng.choice(("DeliveryDelay", "SessionsEnded", "SttLatency"))))
    for _ in range(rng.randrange(1, 2 + 2 * most)):
        faults.append(ReadFault(rng.randrange(200), rng.choice(_READ_FAULTS)))
        faults.append(SendFault(rng.randrange(20), rng.choice(tuple(MetricsFault))))
        faults.append(OtlpFaultAt(rng.randrange(40), rng.choice(tuple(OtlpFault))))
        faults.append(WriteFault(rng.randrange(12), rng.random() < 0.5))
        faults.append(StoreFault(rng.randrange(1000), rng.choice(_STORE_FAULTS)))
        faults.append(_redelivery(rng, patient))
    return list(dict.fromkeys(faults))


def _redelivery(rng: Random, patient: bool) -> Redelivery:
    again = rng.random() < 0.5
    longest = _LATEST_PATIENT if patient and not again else 120 * _MINUTE
    later = int(longest ** rng.uniform(0.6, 1.0))
    return Redelivery(rng.randrange(150), later, again)
