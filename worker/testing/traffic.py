"""Realistic ConversationRelay traffic as read from a Kinesis stream, generated from a seed.

Sessions start uniformly at random. Each event is delivered with its own delay, to the shard of its
random partition key, sometimes twice, sometimes never. A seed's conversations are the same whatever
happens to their delivery.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Final, Literal, NamedTuple

from worker.stream.record import Record
from worker.testing.aggregates import aggregate
from worker.testing.bystanders import other_event, sink_test_event
from worker.testing.conversation import SimulatedEvent, converse
from worker.testing.damage import damaged
from worker.testing.envelopes import CallIds, Oddities, encode_envelope, new_call, relay_event, sid
from worker.testing.habits import Habits
from worker.testing.personas import PERSONAS
from worker.testing.pinecall_traffic import pinecall_events

RETRY_LIMIT_MS: Final = 4 * 3_600_000
"""The time for which Event Streams retries a delivery."""


SimulatedPlatform = Literal["twilio", "pinecall", "both"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """The traffic to generate. Rates are shares of events from 0 to 1, drawn independently.

    ``start_ms``: epoch milliseconds. ``spread_s``: the time over which sessions start.
    ``delay_median_s`` 0 delivers everything at once. ``platform``: whose calls; of ``both`` every
    other one is Pinecall's.
    """

    sessions: int = 100
    shards: int = 4
    start_ms: int = 1_790_942_400_000  # 2026-10-02T12:00:00Z
    spread_s: float = 600.0
    delay_median_s: float = 60.0
    delay_sigma: float = 0.5
    stragglers: float = 0.0005
    duplicates: float = 0.02
    lost: float = 0.002
    malformed: float = 0.001
    other_types: float = 0.03
    aggregates: float = 0.0
    test_event: bool = True
    platform: SimulatedPlatform = "twilio"
    habits: Habits = field(default_factory=Habits)
    oddities: Oddities = field(default_factory=Oddities)


class _Delivery(NamedTuple):
    arrival: int
    number: int
    data: bytes


def simulated_records(settings: Traffic, seed: int) -> Iterator[Record]:
    """Generate records in order of arrival; equal arguments give equal records.

    Memory holds only the sessions in progress and their events that are not delivered yet.
    """
    numbering = SimulatedNumbering()
    rng = Random(f"{seed}:shards")
    for arrival, data in _bundled(_deliveries(settings, seed), settings.aggregates, rng):
        partition_key = f"{rng.getrandbits(64):016x}"
        bundle = data if isinstance(data, bytes) else aggregate(partition_key, data)
        shard = shard_of(partition_key, settings.shards)
        yield Record(shard, numbering.next_in(shard), arrival, bundle, partition_key)


def shard_of(partition_key: str, shards: int) -> str:
    """The shard of a key in a stream of ``shards`` shards of equal hash ranges."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return shard_id(int.from_bytes(digest) * shards >> 128)


def shard_id(index: int) -> str:
    """The name of shard ``index`` in Kinesis's form."""
    return f"shardId-{index:012d}"


class SimulatedNumbering:
    """Generates sequence numbers in Kinesis's form that increase within each shard."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next_in(self, shard: str) -> str:
        """The next sequence number of ``shard``."""
        number = self._last[shard] = self._last.get(shard, 0) + 1
        return f"4966{number:052d}"


def _bundled(
    deliveries: Iterator[_Delivery], share: float, rng: Random
) -> Iterator[tuple[int, bytes | list[bytes]]]:
    """Arrivals and data; a ``share`` of the deliveries is bundled with the following ones."""
    opening = share / (_MEAN_BUNDLE - (_MEAN_BUNDLE - 1) * share)
    for first in deliveries:
        if rng.random() >= opening:
            yield first.arrival, first.data
            continue
        others = islice(deliveries, rng.randrange(1, 2 * _MEAN_BUNDLE - 2))
        bundle = [first, *others]
        yield bundle[-1].arrival, [delivery.data for delivery in bundle]


_MEAN_BUNDLE: Final = 5


def _deliveries(settings: Traffic, seed: int) -> Iterator[_Delivery]:
    """Yield the deliveries, by arrival."""
    account_sid = sid(Random(f"{seed}:account"), "AC")
    post = _Post(settings)
    if settings.test_event:
        rng = Random(f"{seed}:test event")
        at = settings.start_ms
        post.send(rng, at, sink_test_event(rng, account_sid, at))
    for number, session in enumerate(_sessions(settings, seed, account_sid)):
        yield from post.due_before(session.earliest)
        rng = Random(f"{seed}:delivery:{number}")
        for at, data in session.events:
            post.send_event(rng, session.call, at, data)
    yield from post.due_before(math.inf)


class _Session(NamedTuple):
    """A session. ``earliest``: no event of this or a later session is before it, in epoch ms."""

    earliest: int
    call: CallIds
    events: list[tuple[int, bytes]]


def _sessions(settings: Traffic, seed: int, account_sid: str) -> Iterator[_Session]:
    starts = Random(f"{seed}:starts")
    slot_ms = settings.spread_s * 1000 / max(1, settings.sessions)
    call, end = new_call(starts, account_sid), settings.start_ms
    for number in range(settings.sessions):
        earliest = start = settings.start_ms + int(slot_ms * (number + starts.random()))
        rng = Random(f"{seed}:session:{number}")
        if settings.platform == "pinecall" or (settings.platform == "both" and number % 2):
            yield _Session(earliest, call, pinecall_events(rng, settings.habits, start))
            continue
        before, call = call, new_call(rng, account_sid)
        if number and rng.random() < _SAME_CALL:
            call = call._replace(call_sid=before.call_sid)
            start = max(start, end + 800)
        persona = rng.choices(PERSONAS, _PERSONA_WEIGHTS)[0]
        occurrences = converse(rng, settings.habits, persona, start)
        end = occurrences[-1].at
        yield _Session(earliest, call, _encoded(rng, settings.oddities, call, occurrences))


_SAME_CALL: Final = 0.03  # of sessions are a further one of the previous call
_PERSONA_WEIGHTS: Final = tuple(persona.weight for persona in PERSONAS)


def _encoded(
    rng: Random, oddities: Oddities, call: CallIds, occurrences: list[SimulatedEvent]
) -> list[tuple[int, bytes]]:
    return [
        (
            occurrence.at,
            encode_envelope(relay_event(rng, call, occurrence, sequence_number, oddities)),
        )
        for sequence_number, occurrence in enumerate(occurrences, 1)
    ]


class _Post:
    """Holds events from sending to arrival, and repeats some of them."""

    def __init__(self, settings: Traffic) -> None:
        self._settings = settings
        self._waiting: list[_Delivery] = []
        self._number = 0

    def due_before(self, instant: float) -> Iterator[_Delivery]:
        """The deliveries before ``instant`` (epoch ms), by arrival."""
        while self._waiting and self._waiting[0].arrival < instant:
            yield heapq.heappop(self._waiting)

    def send_event(self, rng: Random, call: CallIds, at: int, data: bytes) -> None:
        """Send a session's event, with other traffic around its time."""
        if rng.random() < self._settings.other_types:
            self.send(rng, at, other_event(rng, call, at))
        if rng.random() < self._settings.malformed:
            self.send(rng, at, damaged(rng, at))
        if rng.random() >= self._settings.lost:
            self.send(rng, at, data)

    def send(self, rng: Random, at: int, data: bytes) -> None:
        """Send any data at epoch ms ``at``."""
        delay = self._delay(rng)
        self._put(at + delay, data)
        for _ in range(_MOST_REPEATS):
            if rng.random() >= self._settings.duplicates:
                break
            delay = min(RETRY_LIMIT_MS, delay + int(rng.lognormvariate(_LOG_RETRY_MS, 1.2)))
            self._put(at + delay, data)

    def _delay(self, rng: Random) -> int:
        median_ms = self._settings.delay_median_s * 1000
        if not median_ms:
            return 0
        if rng.random() < self._settings.stragglers:
            return int(_STRAGGLING_MS * (RETRY_LIMIT_MS / _STRAGGLING_MS) ** rng.random())
        delay = rng.lognormvariate(math.log(median_ms), self._settings.delay_sigma)
        return int(min(RETRY_LIMIT_MS, delay))

    def _put(self, arrival: int, data: bytes) -> None:
        self._number += 1
        heapq.heappush(self._waiting, _Delivery(arrival, self._number, data))


_MOST_REPEATS: Final = 3
_LOG_RETRY_MS: Final = math.log(90_000)
_STRAGGLING_MS: Final = 300_000
