"""The Kinesis Client Library in Rust, kcl-rs, as an engine: it runs in this process. Shell.

Its own metrics can't be turned off; deny ``cloudwatch:PutMetricData`` to its namespaces, the names
of the applications.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from time import sleep
from typing import Final, Protocol
from uuid import uuid4

from worker.errors import Misconfigured, VoiceInsightsError
from worker.fleet.guard import Fail, guarded
from worker.fleet.kcl_checkpoints import begun_after, checkpointer
from worker.fleet.processor import (
    Checkpointer,
    FleetApplication,
    LeasedRecord,
    Processor,
    leased_records,
)
from worker.stream.record import Record

_ASK_EVERY_S: Final = 0.2
_SHUTDOWN_S: Final = 5.0
_LEAST_IDLE_MS: Final = 200

_SHARD_SYNC_MS: Final = 10_000
"""How often (ms) one process lists the stream's shards. The very first leases wait for it."""

_LOGGED: Final = {"RUST_LOG": "warn,kcl::metrics=off", "NO_COLOR": "1"}
"""The library's log on standard error, unless the environment sets another one: warnings, without
those about its own metrics, which can't be published.
"""


class KclRecord(Protocol):
    """A record of the library."""

    @property
    def sequence_number(self) -> str | None: ...  # noqa: D102
    @property
    def sub_sequence_number(self) -> int: ...  # noqa: D102
    @property
    def timestamp_millis(self) -> int | None: ...  # noqa: D102
    @property
    def partition_key(self) -> str | None: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102


class KclCheckpointer(Protocol):
    """A checkpointer of the library."""

    def checkpoint(self, sequence_number: str | None = None) -> None:
        """Checkpoint. Raises an error whose ``value`` is its name in the library in Java."""


class KclInput(Protocol):
    """The argument of the library's callbacks; each callback has some of the fields."""

    @property
    def shard_id(self) -> str | None: ...  # noqa: D102
    @property
    def sequence_number(self) -> str | None: ...  # noqa: D102
    @property
    def records(self) -> Sequence[KclRecord]: ...  # noqa: D102
    @property
    def millis_behind_latest(self) -> int | None: ...  # noqa: D102
    @property
    def checkpointer(self) -> KclCheckpointer: ...  # noqa: D102


class KclRsEngine:
    """A ``FleetEngine``. ``fail``: see ``guard``. ``random``: numbers in [0, 1)."""

    def __init__(self, fail: Fail, random: Callable[[], float]) -> None:
        self._fail = fail
        self._random = random

    def run(self, application: FleetApplication, stop: Callable[[], bool]) -> None:
        """See ``FleetEngine.run``. Raises ``Misconfigured`` if the library isn't installed."""
        scheduler = self._scheduler(application)
        ended: list[BaseException | None] = []

        def work() -> None:
            try:
                scheduler.run()
            except BaseException as error:
                ended.append(error)
            else:
                ended.append(None)

        name = f"kcl-{application.name}"
        Thread(target=work, name=name, daemon=True).start()
        while not stop():
            if ended:
                raise VoiceInsightsError(f"kcl-rs ended by itself: {ended[0]}") from ended[0]
            sleep(_ASK_EVERY_S)
        # the scheduler can't be ended while it waits for its first leases, so the join is limited
        closing = Thread(target=scheduler.shutdown, name=f"{name}-shutdown", daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_S)

    def adapter(self, make: Callable[[], Processor]) -> KclRsProcessor:
        """Return a record processor that passes the library's calls to one made by ``make``."""
        with guarded(self._fail):
            return KclRsProcessor(make(), self._fail, self._random)

    def _scheduler(self, application: FleetApplication) -> KclScheduler:
        for name, value in _LOGGED.items():
            os.environ.setdefault(name, value)
        try:
            from kcl_rs import Scheduler
        except ImportError as error:
            raise Misconfigured(
                "the engine kcl-rs needs its package: in a checkout, pip install '.[fleet]'"
            ) from error
        start = application.start
        more: dict[str, object] = {"retrieval_mode": "FANOUT"}
        if not application.fan_out:
            idle = max(_LEAST_IDLE_MS, application.idle_ms)
            more = {"retrieval_mode": "POLLING", "idle_time_between_reads_millis": idle}
        if start == "trim_horizon":
            more["initial_position"] = "TRIM_HORIZON"
        else:
            more |= {"initial_position": "AT_TIMESTAMP", "timestamp": start / 1000}
        make: Callable[..., KclScheduler] = Scheduler
        return make(
            stream_name=application.stream,
            application_name=application.name,
            record_processor_factory=lambda: self.adapter(application.make),
            worker_identifier=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
            region=application.region,
            endpoint_url=application.endpoint,
            shard_sync_interval_millis=_SHARD_SYNC_MS,
            **more,
        )


class KclScheduler(Protocol):
    """The library's control surface."""

    def run(self) -> None:
        """Block until ``shutdown`` is called in another thread."""

    def shutdown(self) -> None:
        """Block until the processors have ended."""


class KclRsProcessor:
    """One of the library's record processors: passes its calls to ``processor``."""

    def __init__(self, processor: Processor, fail: Fail, random: Callable[[], float]) -> None:
        self._processor = processor
        self._fail = fail
        self._random = random
        self._shard = ""

    def initialize(self, given: KclInput) -> None:
        """Called once, before all other methods."""
        with guarded(self._fail):
            self._shard = given.shard_id or ""
            self._processor.initialize(self._shard, begun_after(given.sequence_number))

    def process_records(self, given: KclInput) -> None:
        """Called with records; never without any."""
        with guarded(self._fail):
            records = self._leased(given.records)
            behind = given.millis_behind_latest
            self._processor.process(records, behind, self._checkpointer(given))

    def lease_lost(self, _given: object) -> None:
        """Called at the end, also if the process stops."""
        with guarded(self._fail):
            self._processor.lease_lost()

    def shard_ended(self, given: KclInput) -> None:
        """Called at the shard's end."""
        with guarded(self._fail):
            self._processor.shard_ended(self._checkpointer(given))

    def shutdown_requested(self, given: KclInput) -> None:
        """Called by no release so far."""
        with guarded(self._fail):
            self._processor.shutdown_requested(self._checkpointer(given))

    def _leased(self, records: Sequence[KclRecord]) -> list[LeasedRecord]:
        return leased_records((self._record(one), one.sub_sequence_number) for one in records)

    def _record(self, one: KclRecord) -> Record:
        if one.sequence_number is None or one.timestamp_millis is None:
            raise VoiceInsightsError("kcl-rs delivers a record without its place or its arrival")
        return Record(
            self._shard,
            one.sequence_number,
            one.timestamp_millis,
            one.data,
            one.partition_key or "",
        )

    def _checkpointer(self, given: KclInput) -> Checkpointer:
        return checkpointer("kcl-rs", partial(_attempt, given.checkpointer), self._random)


def _attempt(checkpointer: KclCheckpointer, sequence: str | None) -> str | None:
    """Checkpoint once; return the name of the error, or None."""
    try:
        checkpointer.checkpoint(sequence)
    except Exception as error:
        name = getattr(error, "value", None)
        if not isinstance(name, str):
            raise
        return name
    return None
