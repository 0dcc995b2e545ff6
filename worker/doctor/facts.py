"""What has been found out about a deployment, before anything is made of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from worker.metrics.distribution import Distribution


class ProbeOutcome(Enum):
    """What a call came to, as far as permission goes."""

    ALLOWED = "allowed"
    OTHER = "not the service's answer"
    UNCONDITIONAL = "a condition was ignored"
    REFUSED_LATER = "refused for what was asked"  # so it was, it seems, not for who asked
    DENIED = "denied"
    BAD_CREDENTIALS = "bad credentials"
    MISSING = "missing"  # what was asked for isn't there
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    NOT_ASKED = "not asked"


class ProbeResult(NamedTuple):
    """One call: its IAM action, what it was asked of, what it came to, and in what words."""

    action: str
    of: str
    result: ProbeOutcome
    detail: str = ""


class StreamFacts(NamedTuple):
    """``mode``: PROVISIONED or ON_DEMAND. ``distribution``: RecordDistributionStrategy, None where
    the service doesn't tell. ``encryption``: NONE or KMS.
    """

    status: str
    mode: str
    open_shards: int
    retention_h: int
    encryption: str
    distribution: str | None


class Load(NamedTuple):
    """Peaks over a time, of all shards: records and bytes written a second. ``refused``: puts that
    the stream throttled, None where nobody counts. ``source``: how it is known.
    """

    records_s: float
    bytes_s: float
    refused: int | None
    source: str


@dataclass(frozen=True, slots=True)
class StreamSample:
    """What was read from the stream for a look. ``records`` of ``bytes`` arrived within
    ``span_ms``. ``gateway``: gateway call events that are no
    ConversationRelay ones. ``schemas``: events by the last part of their dataschema. ``seen``:
    sessions with more than one event; ``spread``: those of them on several shards. ``delays``: of
    each event's first arrival, ms.
    """

    minutes: int
    shards: int
    records: int = 0
    bytes: int = 0
    span_ms: int = 0
    occurrences: int = 0
    relay: int = 0
    gateway: int = 0
    other: int = 0
    test_events: int = 0
    unreadable: int = 0
    schemas: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    spread: int = 0
    delays: Distribution = field(default_factory=dict)


class CredentialFacts(NamedTuple):
    """``found``: by which method, None if there are none. ``problem``: why they can't be had."""

    found: str | None
    problem: str | None = None


class ClockReadings(NamedTuple):
    """What this machine's clock said (epoch ms) as an answer came, and the date in it, to which
    half a second is added: what is cut off it on average.
    """

    machine: int
    server: int

    @property
    def skew_ms(self) -> int:
        """This machine's clock less the server's."""
        return self.machine - self.server


class NumberFacts(NamedTuple):
    """What the worker has found of sequence numbers: of ``closed`` sessions so many were
    ``sparse``; ``found_sparse``: whether it no longer goes by the numbers.
    """

    closed: int
    sparse: int
    found_sparse: bool


class State(NamedTuple):
    """``stream``: what the state belongs to, None if nothing is there yet. ``problem``: why it
    can't be read. ``numbers``: None if it hasn't been looked into.
    """

    place: str
    stream: str | None = None
    epoch: int | None = None
    problem: str | None = None
    numbers: NumberFacts | None = None


class Expectations(NamedTuple):
    """What the deployment is held against. Seconds, but for ``survive_h``: the longest outage of
    the worker that nothing may be lost by, in hours.
    """

    stream: str
    hold_direct_s: int
    hold_turn_s: int
    quiet_s: int
    survive_h: int


class Facts(NamedTuple):
    """``clocks``: where they differ most, at their best. None is what could not be found out."""

    credentials: CredentialFacts
    probed: list[ProbeResult]
    stream: StreamFacts | None
    load: Load | None
    sample: StreamSample | None
    clocks: ClockReadings | None
    state: State
