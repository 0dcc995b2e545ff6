"""The construction of the worker's parts from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import boto3

from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.cloudwatch.sink import CloudWatchSink, cloudwatch_client
from worker.destinations.emf import EmfSink
from worker.destinations.files import STDOUT, LineSink
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_KIND, RECORD_LINES
from worker.errors import Misconfigured
from worker.opening import Locations, check_state
from worker.outbox.destination import Destination, Sink
from worker.outbox.entries import DEAD_LETTER_KIND, EntryKind
from worker.outbox.lane import Lane
from worker.outbox.sender import LanePools, Sender
from worker.partition.delta import Delta
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks, Limits
from worker.service.service import Service
from worker.settings.model import Settings
from worker.settings.rules import limits_of, rules_of
from worker.sources.kinesis.client import open_stream
from worker.sources.kinesis.engine import KinesisEngine
from worker.sources.kinesis.reader import THREADS, describe_stream
from worker.sources.source import Opening
from worker.state.compactor import Compactor, compaction_pool
from worker.state.store import Store
from worker.stream.position import Position
from worker.thread_pool import ThreadPool
from worker.times.rfc3339 import format_ms

_COMPACT_EVERY_S: Final = 30.0


class SharedParts(NamedTuple):
    """The parts that all partitions of a process share, made once.

    ``stream``: the stream's name in the log. ``open_store`` returns the store at a location, not
    acquired yet. ``lane_pools`` and ``compaction``: the threads that send and compact. ``further``:
    makes the destinations that name the instance whose samples they get.
    """

    stream: str
    destinations: Mapping[EntryKind, Destination]
    open_store: Callable[[str], Store]
    rules: Rules
    limits: Limits
    events: WorkerEvents
    clocks: Clocks
    random: Callable[[], float]
    lane_pools: LanePools
    compaction: ThreadPool
    further: Callable[[str], Mapping[EntryKind, Destination]] = lambda _instance: {}


def shared_parts(
    settings: Settings,
    stream: str,
    session: boto3.Session,
    events: WorkerEvents,
    clocks: Clocks,
    random: Callable[[], float],
    sleep: Callable[[float], None],
    threads: int = 1,
) -> SharedParts:
    """Make the shared clients, sinks and rules. ``threads``: the most that send entries of one
    kind.

    ``sleep``: called with seconds, in any thread, while a state is unreachable; an exception from
    it ends the retries. Raises ``Misconfigured`` if the location of records or dead letters can't
    be written to.
    """
    locations = Locations(settings.region, settings.endpoint_url, session)
    records, letters = settings.records, settings.dead_letters
    today = (lambda: format_ms(clocks.now())[:10]) if settings.file_rotation == "daily" else None
    destinations = {
        **_metrics(settings, session),
        RECORD_KIND: Destination(RECORD_LINES, locations.records(records, today)),
        DEAD_LETTER_KIND: Destination(DEAD_LETTER_LINES, locations.dead_letters(letters, today)),
    }

    def open_store(location: str) -> Store:
        return locations.store(location, events.state_call_failed, sleep, random)

    return SharedParts(
        stream,
        destinations,
        open_store,
        rules_of(settings),
        limits_of(settings),
        events,
        clocks,
        random,
        LanePools(threads),
        compaction_pool(),
        _further(settings, session, clocks),
    )


def partition_of(
    shared: SharedParts,
    location: str,
    identity: str,
    open_source: Callable[[Mapping[str, Position]], Opening],
    acquired: Callable[[Delta], object] = lambda _restored: None,
) -> Service:
    """Acquire the state at ``location`` and commit the beginning of its service.

    ``identity``: the stream that the state must belong to; see ``Store.acquire`` for errors.
    ``open_source``: see ``Engine.open``. ``acquired``: called with the state, before anything is
    committed.
    """
    store = shared.open_store(location)
    restored = store.acquire(identity)
    partition = Partition(shared.rules, restored)
    acquired(restored)
    shared.events.started(shared.stream, len(restored.sessions))
    destinations = {**shared.destinations, **shared.further(f"{identity}, {location}")}
    if stranded := store.waiting_kinds() - destinations.keys():
        shared.events.stranded(sorted(stranded))
    source, positions = open_source(restored.positions)
    lanes = [
        Lane(kind, store, to, shared.events, shared.random) for kind, to in destinations.items()
    ]
    service = Service(
        source,
        partition,
        store,
        Sender(lanes, shared.lane_pools.of),
        Compactor(store, _COMPACT_EVERY_S, shared.compaction),
        shared.rules,
        shared.limits,
        shared.events,
        shared.clocks,
    )
    service.begin(positions)
    return service


def build_worker(
    settings: Settings,
    stream: str,
    session: boto3.Session,
    events: WorkerEvents,
    clocks: Clocks,
    random: Callable[[], float],
    sleep: Callable[[float], None],
) -> Service:
    """Make the worker for ``stream``, acquire its state and commit its beginning.

    Local files are checked before any request is made. The state is acquired last, so that a
    worker that can't start doesn't end the one that is running. Raises ``Misconfigured`` if the
    setting ``start`` is in the future, or a location can't be written to. ``sleep``: called with
    seconds while stream or state are unreachable; an exception from it ends the retries.
    """
    if isinstance(settings.start, int) and settings.start > clocks.now():
        raise Misconfigured(f"start: {format_ms(settings.start)} is in the future")
    check_state(settings.state)
    shared = shared_parts(settings, stream, session, events, clocks, random, sleep)
    engine = _kinesis(settings, stream, session, shared, sleep)
    return partition_of(shared, settings.state, engine.identity, engine.open)


def _kinesis(
    settings: Settings,
    stream: str,
    session: boto3.Session,
    shared: SharedParts,
    sleep: Callable[[float], None],
) -> KinesisEngine:
    events = shared.events
    api = open_stream(
        stream,
        session,
        region=settings.region,
        endpoint=settings.endpoint_url,
        threads=THREADS,
        now=shared.clocks.now if settings.idle_clock == "agreed" else None,
        parsed_slowly=events.parsed_slowly,
    )
    description = describe_stream(api, sleep, shared.random, events.reader_event)
    return KinesisEngine(api, description, settings.start, events.reader_event)


@contextmanager
def otlp_package() -> Iterator[None]:
    """Raise ``Misconfigured`` if the block imports the package of OTLP's messages in vain."""
    try:
        yield
    except ImportError as error:
        raise Misconfigured(
            "OTLP needs the package opentelemetry-proto: in a checkout, pip install '.[otlp]'"
        ) from error


def _further(
    settings: Settings, session: boto3.Session, clocks: Clocks
) -> Callable[[str], Mapping[EntryKind, Destination]]:
    """The destinations over OTLP, which need a package of their own."""
    if "otlp" not in settings.sink and settings.traces == "off":
        return lambda _instance: {}
    with otlp_package():
        from worker.otlp import further_of

    return further_of(settings, session, clocks.monotonic)


def _metrics(settings: Settings, session: boto3.Session) -> dict[EntryKind, Destination]:
    """The way to CloudWatch, if there is one: by its API, or by lines of EMF."""
    if "emf" in settings.sink:
        sink: Sink = EmfSink(LineSink(STDOUT), settings.namespace)
        return {METRIC_KIND: Destination(DATUMS, sink, settings.on_ambiguous)}
    if "cloudwatch" not in settings.sink:
        return {}
    client = cloudwatch_client(
        settings.region,
        settings.endpoint_url,
        session=session,
        timeout_s=settings.send_timeout_s,
    )
    sink = CloudWatchSink(client, settings.namespace)
    return {METRIC_KIND: Destination(DATUMS, sink, settings.on_ambiguous)}
