"""Commits of a replay on their way through a real outbox to a strict receiver of OTLP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from tests.outbox.outboxes import Log, store_with
from tests.servicing import Lines
from worker.destinations.lines import DEAD_LETTER_LINES
from worker.destinations.otlp.metrics import (
    CUMULATIVE_KIND,
    DELTA_KIND,
    MetricRequests,
    Temporality,
)
from worker.destinations.otlp.names import MetricNames
from worker.destinations.otlp.resource import resource_of
from worker.destinations.otlp.sink import MetricSink, TraceSink
from worker.destinations.otlp.traces import TRACE_KIND, TraceRequests, TraceSelection
from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS
from worker.outbox.destination import Destination
from worker.outbox.entries import DEAD_LETTER_KIND, EntryKind
from worker.outbox.lane import Lane
from worker.outbox.sender import Sender
from worker.partition.commit_outputs import Outputs
from worker.partition.delta import Delta
from worker.partition.rules import Rules
from worker.replay import LiveReplay
from worker.state.store import Commit
from worker.stream.record import Record
from worker.testing.strict_otlp import METRICS, TRACES, StrictOtlp, StrictReceiver
from worker.testing.traffic import Traffic, simulated_records

NAMES: Final = MetricNames(DEFAULT_DIMENSION_SETS)
RESOURCE: Final = resource_of({"service.name": "voice-insights", "service.instance.id": "one"})
CALM: Final = Traffic(sessions=30, delay_median_s=5.0, lost=0.0, stragglers=0.0, malformed=0.0)
"""Traffic of which nothing that was emitted turns out untrue."""


class Sending:
    """Destinations whose receiver is ``strict``."""

    def __init__(self, strict: StrictOtlp, temporality: Temporality = "cumulative") -> None:
        ticks = count()
        self.strict = strict
        self.kind = CUMULATIVE_KIND if temporality == "cumulative" else DELTA_KIND
        self.format = MetricRequests(NAMES, temporality)
        self.sink = MetricSink(
            StrictReceiver(strict, METRICS),
            NAMES,
            RESOURCE,
            temporality,
            lambda: float(next(ticks)),
            str,
        )
        self.trace_sink = TraceSink(
            StrictReceiver(strict, TRACES), RESOURCE, "off", lambda: float(next(ticks)), str
        )
        self.log = Log()
        self.dead = Lines()
        self.bodies: list[tuple[EntryKind, bytes]] = []

    def destinations(self) -> dict[EntryKind, Destination]:
        return {
            self.kind: Destination(self.format, self.sink, in_order=True),
            TRACE_KIND: Destination(TraceRequests(TraceSelection()), self.trace_sink),
            DEAD_LETTER_KIND: Destination(DEAD_LETTER_LINES, self.dead),
        }

    def send(self, commits: Iterable[Outputs]) -> None:
        """Send all that commits give out, in order, until nothing is left."""
        with store_with() as store:
            sender = Sender(
                Lane(kind, store, to, self.log, lambda: 0.0)
                for kind, to in self.destinations().items()
            )
            for outputs in commits:
                new_entries = sender.new_entries(outputs, 0)
                self.bodies += [(draft.kind, draft.body) for draft in new_entries]
                store.append(Commit(Delta(), new_entries, [], None))
                for lane in sender.lanes:
                    lane.send_some()
            while store.backlog().entries:
                for lane in sender.lanes:
                    lane.send_some()


def replayed(traffic: Traffic, seed: int, rules: Rules | None = None) -> list[Outputs]:
    """The commits of a replay as live that has some, all of its samples still true."""
    commits: list[Outputs] = []
    replay = LiveReplay(rules or Rules(totals=True), commits.append)
    for record in simulated_records(traffic, seed):
        replay.feed(record)
    replay.finish()
    assert replay.counters["samples_retracted"] == 0
    return commits


def lines_of(commits: Iterable[Outputs]) -> Iterator[bytes]:
    """The last record of each session."""
    last = {one.key: one.line for outputs in commits for one in outputs.records}
    return iter(last.values())


def records_of(traffic: Traffic, seed: int) -> list[Record]:
    return list(simulated_records(traffic, seed))
