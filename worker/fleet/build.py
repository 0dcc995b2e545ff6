"""The construction of a fleet's task from the settings. Shell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import boto3

from worker.errors import Misconfigured
from worker.fleet.bucket import BucketObserver, BucketParts, PartitionsParts
from worker.fleet.engine_daemon import DaemonEngine
from worker.fleet.engine_kcl_rs import KclRsEngine
from worker.fleet.guard import Fail
from worker.fleet.layout import Layout
from worker.fleet.partitions import PartitionsHost
from worker.fleet.processor import FleetApplication, FleetEngine, Processor
from worker.fleet.producer import BundleProducer, keyed_stream_client
from worker.fleet.router import RouterHost, RouterParts
from worker.fleet.streams import hash_ranges, require_stream_of, stream_name
from worker.fleet.task import ROLES, FleetTask, HostedRole, Role, RoleHost
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks
from worker.settings.model import Settings
from worker.sources.kinesis.client import Kinesis, open_stream
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.reader import describe_stream
from worker.wiring import shared_parts

_PUT_THREADS: Final = 32
_PROBE_THREADS: Final = 4
_SEND_THREADS: Final = 2


class TaskParts(NamedTuple):
    """The parts of a process of a fleet.

    ``wait``: called with seconds, in any thread, while streams or states are unreachable; an
    exception from it ends the retries. ``fail``: see ``guard``.
    """

    settings: Settings
    layout: Layout
    session: boto3.Session
    events: WorkerEvents
    observer: BucketObserver
    clocks: Clocks
    random: Callable[[], float]
    wait: Callable[[float], None]
    fail: Fail

    def open(self, stream: str) -> tuple[Kinesis, Callable[[], StreamDescription]]:
        """Open a stream by its name, as engines do, and ignore the account in an ARN."""
        agreed = self.settings.idle_clock == "agreed"
        api = open_stream(
            stream_name(stream),
            self.session,
            region=self.settings.region,
            endpoint=self.settings.endpoint_url,
            threads=_PROBE_THREADS,
            now=self.clocks.now if agreed else None,
            parsed_slowly=self.events.parsed_slowly,
        )
        return api, partial(describe_stream, api, self.wait, self.random, self.events.reader_event)


def build_task(
    made: TaskParts, roles: Sequence[Role], child: Callable[[Role], Sequence[str]]
) -> FleetTask:
    """Make a task of ``roles``; nothing is leased yet.

    ``child``: returns the command of a process that serves one shard of a role, by ``build_host``,
    for an engine with child processes. Raises ``StreamReplaced`` if a stream isn't the layout's,
    ``Misconfigured`` if a setting is missing.
    """
    engine, hosts = _engine(made, child), _HOSTS[made.settings.fleet_engine or "kcl-rs"]
    source, keyed = required_streams(made.settings)
    hosted = []
    for role in roles:
        host = hosts(made, role)
        stream = source if role == "router" else keyed
        hosted.append(HostedRole(host, _application(made, role, stream, host)))
    return FleetTask(engine, hosted, made.fail)


def build_host(made: TaskParts, role: Role) -> RoleHost:
    """Make the host of a role in this process. See ``build_task`` for errors."""
    source, keyed = required_streams(made.settings)
    api, describe_source = made.open(source)
    _, describe_keyed = made.open(keyed)
    require_stream_of(made.layout.source, describe_source())
    require_stream_of(made.layout.keyed, describe_keyed())
    if role == "router":
        return _router(made, keyed, api, describe_source)
    return _partitions(made, keyed, describe_source)


class _HostElsewhere:
    """The ``RoleHost`` of a role whose shards are served by processes of their own."""

    def processor(self) -> Processor:
        """Never called here."""
        raise NotImplementedError

    def start(self) -> None:
        """Do nothing."""

    def stop(self, deadline: float) -> None:
        """Do nothing: the engine ends the processes."""


_HOSTS: Final[dict[str, Callable[[TaskParts, Role], RoleHost]]] = {
    "kcl-rs": build_host,
    "daemon": lambda _made, _role: _HostElsewhere(),
}


def required_streams(settings: Settings) -> tuple[str, str]:
    """Return the source and the keyed stream. Raises ``Misconfigured`` without them."""
    if settings.stream is None or settings.fleet_stream is None:
        missing = "stream" if settings.stream is None else "fleet_stream"
        raise Misconfigured(f"no {missing} is set")
    return settings.stream, settings.fleet_stream


def _engine(made: TaskParts, child: Callable[[Role], Sequence[str]]) -> FleetEngine:
    if made.settings.fleet_engine == "kcl-rs":
        return KclRsEngine(made.fail, made.random)
    if made.settings.fleet_engine == "daemon":
        by_name = {_name(made.settings, role): role for role in ROLES}
        return DaemonEngine(lambda application: child(by_name[application]))
    raise Misconfigured("no fleet_engine is set: kcl-rs or daemon")


def _name(settings: Settings, role: Role) -> str:
    return f"{settings.fleet_name}-{role}"


def _application(made: TaskParts, role: Role, stream: str, host: RoleHost) -> FleetApplication:
    settings = made.settings
    return FleetApplication(
        name=_name(settings, role),
        stream=stream_name(stream),
        region=settings.region,
        endpoint=settings.endpoint_url,
        # the fleet is the only writer of the keyed stream
        start=made.layout.start if role == "router" else "trim_horizon",
        idle_ms=settings.fleet_idle_ms,
        fan_out=settings.fleet_fan_out == "on",
        make=host.processor,
    )


def _router(
    made: TaskParts, keyed: str, api: Kinesis, describe: Callable[[], StreamDescription]
) -> RouterHost:
    settings, wait = made.settings, made.wait
    host: RouterHost

    def wait_to_put(seconds: float) -> bool:
        wait(seconds)
        return host.may_put

    client = keyed_stream_client(made.session, settings.region, settings.endpoint_url, _PUT_THREADS)
    producer = BundleProducer(
        made.layout, keyed, client, wait_to_put, made.random, made.events.put_failed
    )
    host = RouterHost(
        RouterParts(
            made.layout,
            api,
            describe,
            producer,
            made.events,
            made.clocks.now,
            made.clocks.monotonic,
            wait,
        ),
        made.fail,
    )
    return host


def _partitions(
    made: TaskParts, keyed: str, describe_source: Callable[[], StreamDescription]
) -> PartitionsHost:
    settings, layout = made.settings, made.layout
    shared = shared_parts(
        settings,
        settings.stream or "",
        made.session,
        made.events,
        made.clocks,
        made.random,
        made.wait,
        _SEND_THREADS,
    )
    ranges = hash_ranges(made.session, keyed, settings.region, settings.endpoint_url, made.wait)
    buckets = BucketParts(
        layout,
        settings.state,
        shared,
        lambda: first_positions(describe_source(), layout.start),
        made.observer,
        lambda: {one.shard: one.parents for one in describe_source().shards},
    )
    return PartitionsHost(PartitionsParts(buckets, ranges.of, time.monotonic), made.fail)
