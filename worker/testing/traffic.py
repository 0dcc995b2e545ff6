"""Realistic ConversationRelay traffic as it comes off a Kinesis stream, made from a seed.

Sessions start evenly at random; each event is delivered late by its own delay, to a shard that
its random partition key decides, sometimes twice, sometimes never. The conversations of a seed
are the same whatever the delivery does to them.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Final, NamedTuple

from worker.stream.record import Record
from worker.testing.aggregates import aggregate
from worker.testing.bystanders import other_event, sink_test_event
from worker.testing.conversation import Habits, Occurrence, converse
from worker.testing.damage import damaged
from worker.testing.envelopes import Call, Oddities, encode, new_call, relay_event, sid
from worker.testing.personas import PERSONAS, Persona

RETRY_LIMIT_MS: Final = 4 * 3_600_000
"""Event Streams retries a delivery for so long."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What traffic to make. Rates are shares of events, 0 to 1, each drawn by itself.

    ``start_ms``: epoch milliseconds. ``spread_s``: the time over which sessions start.
    ``delay_median_s`` 0 delivers everything at once.
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
    habits: Habits = field(default_factory=Habits)
    oddities: Oddities = field(default_factory=Oddities)


class _Delivery(NamedTuple):
    arrival: int
    number: int
    data: bytes


def simulate(settings: Traffic, seed: int) -> Iterator[Record]:
    """The records of ``settings``, in order of arrival; equal arguments give equal records.

    Memory holds the sessions in flight, and what of them is not delivered yet.
    """
    numbering = Numbering()
    rng = Random(f"{seed}:shards")
    for arrival, data in _bundled(_deliveries(settings, seed), settings.aggregates, rng):
        partition_key = f"{rng.getrandbits(64):016x}"
        bundle = data if isinstance(data, bytes) else aggregate(partition_key, data)
        shard = shard_of(partition_key, settings.shards)
        yield Record(shard, numbering.next_in(shard), arrival, bundle, partition_key)


def shard_of(partition_key: str, shards: int) -> str:
    """The shard that Kinesis gives a key to, in a stream of ``shards`` even ones."""
    digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
    return shard_id(int.from_bytes(digest) * shards >> 128)


def shard_id(index: int) -> str:
    """The name of shard ``index``, as Kinesis forms it."""
    return f"shardId-{index:012d}"


class Numbering:
    """Sequence numbers that look like Kinesis's and increase within each shard."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next_in(self, shard: str) -> str:
        """The next sequence number of ``shard``."""
        number = self._last[shard] = self._last.get(shard, 0) + 1
        return f"4966{number:052d}"


def _bundled(
    deliveries: Iterator[_Delivery], share: float, rng: Random
) -> Iterator[tuple[int, bytes | list[bytes]]]:
    """Arrival and data; ``share`` of the deliveries come together with their next ones."""
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
    """Everything that is delivered, by arrival."""
    waiting: list[_Delivery] = []
    post = _Post(settings, waiting)
    account_sid = sid(Random(f"{seed}:account"), "AC")
    starts = Random(f"{seed}:starts")
    before = _Session(new_call(starts, account_sid), settings.start_ms)
    if settings.test_event:
        post.send(
            starts, settings.start_ms, sink_test_event(starts, account_sid, settings.start_ms)
        )
    for number in range(settings.sessions):
        spread_ms = settings.spread_s * 1000
        start = settings.start_ms + int(spread_ms * (number + starts.random()) / settings.sessions)
        while waiting and waiting[0].arrival < start:
            yield heapq.heappop(waiting)
        rng = Random(f"{seed}:session:{number}")
        call = new_call(rng, account_sid)
        if number and rng.random() < _SAME_CALL:
            call = call._replace(call_sid=before.call.call_sid)
            start = max(start, before.end + 800)
        events = converse(rng, settings.habits, _persona(rng), start)
        before = _Session(call, events[-1].at)
        _deliver(post, settings, Random(f"{seed}:delivery:{number}"), call, events)
    while waiting:
        yield heapq.heappop(waiting)


class _Session(NamedTuple):
    call: Call
    end: int


_SAME_CALL: Final = 0.03  # of the sessions are a further one of the call before
_PERSONA_WEIGHTS: Final = tuple(persona.weight for persona in PERSONAS)


def _persona(rng: Random) -> Persona:
    return rng.choices(PERSONAS, _PERSONA_WEIGHTS)[0]


def _deliver(
    post: _Post, settings: Traffic, rng: Random, call: Call, events: list[Occurrence]
) -> None:
    for sequence_number, event in enumerate(events, 1):
        if rng.random() < settings.other_types:
            post.send(rng, event.at, other_event(rng, call, event.at))
        if rng.random() < settings.malformed:
            post.send(rng, event.at, damaged(rng, event.at))
        data = encode(relay_event(rng, call, event, sequence_number, settings.oddities))
        if rng.random() >= settings.lost:
            post.send(rng, event.at, data)


class _Post:
    """Delivers late, and some things again."""

    def __init__(self, settings: Traffic, waiting: list[_Delivery]) -> None:
        self._settings = settings
        self._waiting = waiting
        self._log_median = (
            math.log(settings.delay_median_s * 1000) if settings.delay_median_s else None
        )
        self._number = 0

    def send(self, rng: Random, at: int, data: bytes) -> None:
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
