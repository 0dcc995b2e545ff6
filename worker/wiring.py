"""From the settings to the parts of the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from worker.destinations.cloudwatch.requests import DATUMS, METRIC_KIND
from worker.destinations.cloudwatch.sink import CloudWatchSink, cloudwatch_client
from worker.destinations.emf import EmfSink
from worker.destinations.files import STDOUT, LineSink, StdoutRecords
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_LINES
from worker.destinations.objects import (
    DEAD_LETTERS,
    RECORDS,
    ObjectSink,
    letter_time,
    record_time,
)
from worker.errors import Misconfigured
from worker.intake.cores import cores, worth_a_process
from worker.intake.remote import IntakeProcess
from worker.objectstore.s3 import Bucket
from worker.objectstore.s3 import connect as connect_bucket
from worker.outbox.destination import Destination, Sink
from worker.outbox.entries import DEAD_LETTER_KIND, EntryKind
from worker.outbox.lane import Lane
from worker.outbox.sender import Sender
from worker.partition.partition import Partition
from worker.service.ports import Clocks
from worker.service.service import Service
from worker.settings.model import Settings
from worker.settings.rules import limits_of, rules_of
from worker.settings.values import is_s3
from worker.sources.kinesis.client import Kinesis, connect
from worker.sources.kinesis.inline import IntakeHere
from worker.sources.kinesis.lineage import Survey, first_positions
from worker.sources.kinesis.reader import THREADS, Reader, survey_stream
from worker.sources.source import Source
from worker.state.compactor import Compactor
from worker.state.s3.store import READERS, S3Store
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Store
from worker.stream.position import Position
from worker.telemetry.worker_log import WorkerLog
from worker.times.rfc3339 import format_ms

_COMPACT_EVERY_S: Final = 30.0
_CALLERS: Final = 5
"""Threads that call the store: the service's, the three lanes' and the compactor's."""


def build(
    settings: Settings,
    stream: str,
    log: WorkerLog,
    clocks: Clocks,
    random: Callable[[], float],
    sleep: Callable[[float], None],
    sleep_for_state: Callable[[float], None],
) -> Service:
    """The worker for ``stream``, its state taken and its beginning committed.

    The state is taken last: a worker that can't start doesn't end the one at work. Raises
    ``Misconfigured`` if it is to begin at a time that has not come, or to write into a bucket
    that isn't there.
    ``sleep``: seconds, between attempts to reach the stream; ``sleep_for_state``: while the
    state is out of reach, in any thread and to the end. What they raise ends the attempts.
    """
    if isinstance(settings.start, int) and settings.start > clocks.now():
        raise Misconfigured(f"start: {format_ms(settings.start)} has not come yet")
    api = connect(
        stream,
        region=settings.region,
        endpoint=settings.endpoint_url,
        threads=THREADS,
        parsed_slowly=log.parsed_slowly,
    )
    survey = survey_stream(api, sleep, random)
    destinations = _destinations(settings)
    store = _store(settings, log, random, sleep_for_state)
    restored = store.take(f"{survey.arn}, created {format_ms(survey.created)}")
    rules = rules_of(settings)
    partition = Partition(rules, restored)
    log.started(stream, len(restored.sessions))
    stored = msgspec.convert(restored.positions, dict[str, Position])
    positions = stored or first_positions(survey, settings.start)
    service = Service(
        _source(settings, stream, api, survey, positions, log),
        partition,
        store,
        Sender(Lane(kind, store, to, log, clocks.now, random) for kind, to in destinations.items()),
        Compactor(store, _COMPACT_EVERY_S),
        rules,
        limits_of(settings),
        log,
        clocks,
    )
    service.begin(positions)
    return service


def _source(
    settings: Settings,
    stream: str,
    api: Kinesis,
    survey: Survey,
    positions: Mapping[str, Position],
    log: WorkerLog,
) -> Source:
    if not worth_a_process(settings.fetch_process, len(survey.shards), cores()):
        return IntakeHere(Reader(api, positions, survey.created, log.notice))
    return IntakeProcess(
        stream,
        positions,
        survey.created,
        log.notice,
        region=settings.region,
        endpoint=settings.endpoint_url,
        parsed_slowly=log.parsed_slowly,
    )


def _store(
    settings: Settings,
    log: WorkerLog,
    random: Callable[[], float],
    sleep: Callable[[float], None],
) -> Store:
    if not is_s3(settings.state):
        return SqliteStore(Path(settings.state))
    objects = _bucket(settings, settings.state, threads=READERS + _CALLERS)
    return S3Store(objects, observer=log.state_call_failed, sleep=sleep, random=random)


def _destinations(settings: Settings) -> dict[EntryKind, Destination]:
    metrics: Sink
    if settings.sink == "emf":
        metrics = EmfSink(LineSink(STDOUT), settings.namespace)
    else:
        client = cloudwatch_client(
            settings.region, settings.endpoint_url, timeout_s=settings.send_timeout_s
        )
        metrics = CloudWatchSink(client, settings.namespace)
    return {
        METRIC_KIND: Destination(DATUMS, metrics, settings.on_ambiguous),
        "records": Destination(RECORD_LINES, _records(settings)),
        DEAD_LETTER_KIND: Destination(DEAD_LETTER_LINES, _dead_letters(settings)),
    }


def _records(settings: Settings) -> Sink:
    if is_s3(settings.records):
        bucket = _bucket(settings, settings.records, threads=1)
        return _somewhere("records", bucket, ObjectSink(bucket, RECORDS, record_time))
    return StdoutRecords() if settings.records == STDOUT else _file("records", settings.records)


def _dead_letters(settings: Settings) -> Sink:
    place = settings.dead_letters
    if is_s3(place):
        bucket = _bucket(settings, place, threads=1)
        return _somewhere("dead_letters", bucket, ObjectSink(bucket, DEAD_LETTERS, letter_time))
    return _file("dead_letters", place)


def _file(setting: str, path: str) -> Sink:
    try:
        return LineSink(path)
    except Misconfigured as error:
        raise Misconfigured(f"{setting}: {error}") from error


def _somewhere(setting: str, bucket: Bucket, sink: ObjectSink) -> Sink:
    if sink.is_nowhere():
        raise Misconfigured(f"{setting} = {bucket.url}: there is no such bucket")
    return sink


def _bucket(settings: Settings, url: str, *, threads: int) -> Bucket:
    return connect_bucket(
        url, region=settings.region, endpoint=settings.endpoint_url, threads=threads
    )
