"""Events, sessions in memory, and a driven partition: what tests of the core are built from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.scenes import BASE, KEYS, Scene
from worker.events.decode import Delivery, decode
from worker.events.event import Event, SessionKey
from worker.events.payload import Latency, Payload, canonical
from worker.events.twilio.call_event import RelayData
from worker.events.twilio.payloads import PAYLOADS
from worker.metrics.series import EmittedSample
from worker.partition.commit_outputs import EvictedSession, Outputs
from worker.partition.delta import Delta, encode_delta
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.sessions.analysis import SessionAnalysis, analyse
from worker.sessions.context import Context
from worker.sessions.conversation_walk import ConversationWalk
from worker.sessions.event_log import logged_event
from worker.sessions.event_walk import EventWalk
from worker.sessions.resident_session import ResidentSession
from worker.sessions.samples import Samples, split
from worker.sessions.state import Closed, Session
from worker.stream.position import Position
from worker.stream.record import Record

KEY = SessionKey("twilio", "AC1", "CA1", "VX1")

CUSTOMER, CUSTOMER_ENDS = "start_of_customer_speech", "end_of_customer_speech"
AGENT, AGENT_ENDS = "start_of_agent_speech", "end_of_agent_speech"
PROMPT, FIRST, FINAL = "prompt_sent", "first_token_received", "final_token_received"
INTERRUPT = "interrupt"
LOST: tuple[Any, ...] = ()
"""In a scene, an event that was lost: it has a number, and nobody has it."""


def event(at: int, name: str, payload: Any = None, number: int = 1, delay: int = 1000) -> Event:
    """An event ``at`` ms after BASE, arriving ``delay`` ms after that; its payload as Twilio has
    it, or a canonical one.
    """
    if isinstance(payload, dict):
        payload = payload_of(name, payload)
    return Event(KEY, BASE + at, number, name, payload, BASE + at + delay)


def payload_of(name: str, payload: dict[str, Any]) -> Payload | None:
    """What Twilio's payload of that name says; of a name without one, something that says it."""
    read_payload = PAYLOADS.get(name)
    if read_payload is None:
        return Latency(said=canonical(payload))
    return read_payload(RelayData(**{KEYS.get(name, name): payload}))


def packed_as_text(one: Event) -> bytes:
    """The event as its log has it from a release that did not know its name."""
    delay = one.arrival - one.timestamp
    row = (one.timestamp - BASE, one.sequence_number, one.name, one.payload, delay)
    return msgspec.msgpack.encode(row)


def analysis_of(*scene: tuple[Any, ...], closing: bool = True) -> SessionAnalysis:
    """The reading of a session, numbered in the order written."""
    return analyse(
        [logged_event(one, BASE) for one in _events(scene)], BASE, closing=closing, contiguous=True
    )


class Stamps:
    """Samples by metric, each with the instant that completed it: (ms since BASE, value)."""

    def __init__(self) -> None:
        self.samples = Samples()
        self.stamped: dict[str, list[tuple[int, int]]] = {}

    def at(self, instant: int) -> None:
        """All samples since the last time are of this instant."""
        for part in self.samples.parts.values():
            for kind, some in part.items():
                stamped = self.stamped.setdefault(split(kind)[0], [])
                stamped += [(instant - BASE, value) for value in some]
        self.samples.parts = {}


def told_directly(*scene: tuple[Any, ...]) -> dict[str, list[tuple[int, int]]]:
    """The samples that one event alone decides but DeliveryDelay, by metric: (ms since BASE,
    value).
    """
    stamps, rows = Stamps(), analysis_of(*scene).ordered.rows
    walk = EventWalk(stamps.samples)
    walk.begin(BASE + rows[0].timestamp)
    for row in rows:
        walk.walk([row], BASE)
        stamps.at(BASE + row.timestamp)
    del stamps.stamped["DeliveryDelay"]
    return stamps.stamped


def said(*scene: tuple[Any, ...], closing: bool = True) -> dict[str, list[tuple[int, int]]]:
    """The samples of all turn metrics, by metric: (ms since BASE, value)."""
    stamps, analysis = Stamps(), analysis_of(*scene)
    rows = analysis.ordered.rows
    walk = ConversationWalk(stamps.samples, BASE)
    for row in rows:
        walk.walk([row], analysis.holes)
        stamps.at(BASE + row.timestamp)
    if closing:
        walk.close()
        stamps.at(BASE + rows[-1].timestamp)
    return stamps.stamped


def values(analysis: SessionAnalysis, metric: str) -> list[int]:
    """All samples of a metric."""
    return [value for _, one, value in parts_of(analysis) if one[0] == metric]


def parts_of(
    analysis: SessionAnalysis,
) -> Iterator[tuple[tuple[Context, int], tuple[str, str | None], int]]:
    """All samples of a reading: context and minute, metric and its own dimension, value."""
    for samples in (analysis.direct.samples, analysis.conversation.samples):
        for place, part in samples.parts.items():
            for kind, some in part.items():
                yield from ((place, split(kind), value) for value in some)


def held_of(*scene: tuple[Any, ...], most: int = 50_000) -> ResidentSession:
    """An open session that holds these events."""
    resident = ResidentSession(Session(KEY, BASE))
    for one in _events(scene):
        resident.add(one, most)
    return resident


def closed(resident: ResidentSession) -> ResidentSession:
    """The session, closed at its last arrival."""
    state = resident.state
    state.closed = Closed(state.count, "wrap_up", state.last_arrival)
    state.revision = 1
    resident.forget_analysis()
    return resident


def _events(scene: Scene) -> list[Event]:
    return [
        event(one[0], one[1], one[2] if len(one) > 2 else None, number)
        for number, one in enumerate(scene, 1)
        if one is not LOST
    ]


class Driven:
    """A partition with an owner that keeps all it gives out, and recalls what it asks for.

    Packed sessions are kept as bytes, as a store keeps them.
    """

    def __init__(self, rules: Rules, restored: Delta | None = None) -> None:
        self.partition = Partition(rules, restored)
        self.archive: dict[SessionKey, tuple[bytes, bytes]] = {}
        self.deltas: list[bytes] = []
        self.told: list[tuple[int, EmittedSample, int]] = []
        """Stream time at the commit (-1 before any), what was emitted, and how often."""

    def take(self, batch: Iterable[Record]) -> None:
        """Fold a batch; each record's shard has then been read up to it."""
        batch = list(batch)
        deliveries: list[Delivery] = [one for record in batch for one in decode(record)]
        misses = self.partition.fold_resident(deliveries)
        loaded = {key: self.evicted(key) for key in misses if key in self.archive}
        self.partition.fold_misses(misses, loaded)
        for record in batch:
            self.partition.move(
                record.shard, Position("after", record.sequence_number, record.arrival)
            )

    def commit(self) -> Outputs:
        """Commit; the delta is kept as bytes."""
        delta, outputs = self.partition.commit()
        self.deltas.append(encode_delta(delta))
        for key, evicted in outputs.evicted.items():
            self.archive[key] = msgspec.msgpack.encode(evicted.state), evicted.log
        now = -1 if self.partition.now is None else self.partition.now
        self.told += [
            (now, EmittedSample(series, minute, value), count)
            for (series, minute), distribution in outputs.window.items()
            for value, count in distribution.items()
        ]
        return outputs

    def finish(self) -> Outputs:
        """End the input and commit."""
        self.partition.finish(self.partition.keys())
        return self.commit()

    def evicted(self, key: SessionKey) -> EvictedSession:
        """An evicted session as a store would give it back."""
        state, log = self.archive[key]
        return EvictedSession(msgspec.msgpack.decode(state, type=Session), log)


def accounts_add_up(counters: Counter[str]) -> bool:
    """The accounting law."""
    c = counters
    return (
        c["occurrences"] == c["test_events"] + c["ignored"] + c["dead_letters"] + c["events"]
        and c["events"] == c["folded"] + c["duplicates"] + c["cut"] + c["erased"]
    )
