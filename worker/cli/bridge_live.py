"""The long-running bridge as a process: its parts, its log, its pages and its end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import random
from time import monotonic, time
from typing import Final

from worker.cli.kinesis import kinesis_client
from worker.cli.pinecall_access import pinecall_key, require_private
from worker.cli.signals import Signals, Stopped
from worker.errors import VoiceInsightsError
from worker.logs.pump import LogPump
from worker.logs.setup import configure_logging, is_pretty
from worker.objectstore.retrying import Access
from worker.opening import Locations
from worker.pinecall.archive import BucketArchive, FolderArchive
from worker.pinecall.bridge import Bridge, BridgeLimits, BridgeParts
from worker.pinecall.checkpoint import ProgressBook, claimed, decode_checkpoint
from worker.pinecall.checkpoint_store import CheckpointFile, CheckpointObject, CheckpointStore
from worker.pinecall.http import http_call_logs
from worker.pinecall.notices import CheckpointCallFailed, Listener, to_all
from worker.pinecall.putting import Putter
from worker.pinecall.routing import CallArchive
from worker.producer.put_records import Clock
from worker.service.ports import Clocks
from worker.settings.model import Settings
from worker.settings.readable import readable
from worker.telemetry.bridge import BridgeTelemetry
from worker.telemetry.bridge_catalogue import BRIDGE_METRICS
from worker.telemetry.bridge_log import BridgeLog
from worker.telemetry.collector import Report
from worker.telemetry.emf_lines import TelemetryLines
from worker.telemetry.http import HttpServer
from worker.telemetry.liveness import Liveness
from worker.telemetry.pages import Pages
from worker.telemetry.process import facts_of_this_process

_LAST_LINES_S: Final = 2.0


def run_bridge(settings: Settings, stream: str, account: str) -> int:
    """Bridge until asked to end; the exit code. Raises ``Misconfigured`` for what is wrong before
    there is a log to write it to.
    """
    require_private(settings.pinecall_url)
    own = readable(settings)
    pump = configure_logging(settings.log_level, settings.log_format, sys.stderr, own)
    try:
        return _work(settings, stream, account, pump)
    finally:
        pump.close(_LAST_LINES_S)


def _work(settings: Settings, stream: str, account: str, pump: LogPump) -> int:
    log = BridgeLog(Clocks(monotonic, _now))
    poll = int(settings.pinecall_poll_s * 1000)
    telemetry = BridgeTelemetry(_now, pump.dropped, _report(settings, pump), poll)
    signals = Signals(settings.shutdown_s)
    pulse = Liveness(monotonic)
    process = facts_of_this_process(time())
    pages = Pages(
        pulse, telemetry.snapshot, telemetry.unready, process, tuple, monotonic, BRIDGE_METRICS
    )
    turn = pulse.on_turn(signals.deadline)
    try:
        with _served(settings, log, pages):
            notify = to_all(log, telemetry)
            asyncio.run(_bridge(settings, stream, account, notify, signals, turn))
            log.stopped()
    except Stopped:
        log.stopped()
    except VoiceInsightsError as error:
        log.failed(str(error))
        return error.exit_code
    except Exception:
        log.crashed()
        return VoiceInsightsError.exit_code
    finally:
        signals.over()
    return 0


async def _bridge(
    settings: Settings,
    stream: str,
    account: str,
    notify: Listener,
    signals: Signals,
    turn: Callable[[], float | None],
) -> None:
    places = _Places(settings, notify, signals)
    key = pinecall_key(os.environ, settings.region, settings.endpoint_url)
    store = places.checkpoint()
    source = f"{settings.pinecall_url.rstrip('/')} {account}"
    taken = store.acquire(lambda found: claimed(source, found, store.place))
    book = ProgressBook(decode_checkpoint(taken, store.place))
    async with http_call_logs(settings.pinecall_url, key.value, settings.pinecall_env) as logs:
        bridge = Bridge(
            BridgeParts(
                stream=stream,
                account=account,
                logs=logs,
                book=book,
                store=store,
                putter=Putter(
                    stream,
                    kinesis_client(settings.endpoint_url, settings.region),
                    Clock(_now, signals.sleep),
                    random,
                    notify,
                ),
                archive=places.archive(),
                limits=_limits(settings),
                now=_now,
                monotonic=monotonic,
                random=random,
                turn=turn,
                notify=notify,
            )
        )
        signals.begun()
        await bridge.run()


class _Places:
    """Opens what the settings name: files, or objects in buckets."""

    def __init__(self, settings: Settings, notify: Listener, signals: Signals) -> None:
        self._settings = settings
        self._locations = Locations(settings.region, settings.endpoint_url)
        self._notify = notify
        self._signals = signals

    def checkpoint(self) -> CheckpointStore:
        place = self._settings.pinecall_checkpoint
        access = self._access(place)
        return CheckpointFile(Path(place)) if access is None else CheckpointObject(access)

    def archive(self) -> CallArchive:
        place = self._settings.pinecall_expired
        access = self._access(place)
        return FolderArchive(Path(place)) if access is None else BucketArchive(access)

    def _access(self, place: str) -> Access | None:
        bucket = self._locations.bucket(place)
        if bucket is None:
            return None
        return Access(
            bucket,
            self._signals.sleep,
            random,
            lambda failed: self._notify(CheckpointCallFailed(failed)),
        )


def _limits(settings: Settings) -> BridgeLimits:
    return BridgeLimits(
        calls=settings.max_pinecall_calls,
        expire_after=settings.expire_after_s * 1000,
        lookback=settings.pinecall_lookback_s * 1000,
        poll_s=settings.pinecall_poll_s,
        save_every_s=settings.commit_every_s,
    )


@contextmanager
def _served(settings: Settings, log: BridgeLog, pages: Pages) -> Iterator[None]:
    """Health and metrics at the port that the settings name, if they name one."""
    if settings.health_port is None:
        yield
        return
    server = HttpServer(pages, settings.health_host, settings.health_port)
    server.start()
    log.served(server.port)
    try:
        yield
    finally:
        server.stop(_LAST_LINES_S)


def _report(settings: Settings, pump: LogPump) -> Report:
    auto = settings.own_metrics == "auto" and not is_pretty(settings.log_format, sys.stderr)
    if auto or settings.own_metrics == "emf":
        return TelemetryLines(pump.put, settings.own_namespace, BRIDGE_METRICS)
    return lambda _reading, _at: None


def _now() -> int:
    return int(time() * 1000)
