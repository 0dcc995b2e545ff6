"""The facts found out about a deployment, before they are judged. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from worker.metrics.distribution import Distribution


class ProbeOutcome(Enum):
    """The outcome of a call, with regard to permission."""

    ALLOWED = "allowed"
    OTHER = "not the service's answer"
    UNCONDITIONAL = "a condition was ignored"
    REFUSED_LATER = "refused for what was asked"  # so the caller is apparently permitted
    DENIED = "denied"
    BAD_CREDENTIALS = "bad credentials"
    MISSING = "missing"  # the resource doesn't exist
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    NOT_ASKED = "not asked"


class ProbeResult(NamedTuple):
    """One call: its IAM action, its resource, its outcome, and the outcome's message."""

    action: str
    of: str
    result: ProbeOutcome
    detail: str = ""


class StreamFacts(NamedTuple):
    """The stream's configuration.

    ``mode``: PROVISIONED or ON_DEMAND. ``distribution``: RecordDistributionStrategy, None if the
    service doesn't report it. ``encryption``: NONE or KMS.
    """

    status: str
    mode: str
    open_shards: int
    retention_h: int
    encryption: str
    distribution: str | None


class Load(NamedTuple):
    """Peak load over all shards: records and bytes written per second.

    ``refused``: puts that the stream throttled, None if not counted. ``source``: where the figures
    come from.
    """

    records_s: float
    bytes_s: float
    refused: int | None
    source: str


@dataclass(frozen=True, slots=True)
class StreamSample:
    """Counts over a bounded sample of the stream.

    ``records``, of ``bytes`` in all, arrived within ``span_ms``. ``gateway``: gateway call events
    other than ConversationRelay's. ``schemas``: events by the last part of their dataschema.
    ``seen``: sessions with more than one event; ``cross_shard``: those on several shards.
    ``delays``: the delay of each event's first arrival, ms.
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
    cross_shard: int = 0
    delays: Distribution = field(default_factory=dict)


class CredentialFacts(NamedTuple):
    """``found``: the method that found credentials, None if there are none. ``problem``: the
    reason why they can't be loaded.
    """

    found: str | None
    problem: str | None = None


class ClockReadings(NamedTuple):
    """This machine's clock (epoch ms) when an answer came, and the answer's date, plus the half
    second that a date in whole seconds lacks on average.
    """

    machine: int
    server: int

    @property
    def skew_ms(self) -> int:
        """This machine's clock minus the server's."""
        return self.machine - self.server


class NumberFacts(NamedTuple):
    """The worker's findings on sequence numbers: of ``closed`` sessions, ``sparse`` had sparse
    numbers; ``found_sparse``: whether the worker no longer relies on the numbers.
    """

    closed: int
    sparse: int
    found_sparse: bool


class State(NamedTuple):
    """The stored state. ``stream``: the stream that it belongs to, None if there is no state yet.
    ``problem``: the reason why it can't be read. ``numbers``: None if they could not be read.
    """

    place: str
    stream: str | None = None
    epoch: int | None = None
    problem: str | None = None
    numbers: NumberFacts | None = None


class Expectations(NamedTuple):
    """The values to judge a deployment by, in seconds; ``survive_h``, in hours, is the longest
    outage of the worker that must not lose data.
    """

    stream: str
    hold_direct_s: int
    hold_turn_s: int
    quiet_s: int
    survive_h: int


class Facts(NamedTuple):
    """The facts about a deployment; None if they could not be found out.

    ``clocks``: the service whose clock differs most, in its closest answer.
    """

    credentials: CredentialFacts
    probed: list[ProbeResult]
    stream: StreamFacts | None
    load: Load | None
    sample: StreamSample | None
    clocks: ClockReadings | None
    state: State
