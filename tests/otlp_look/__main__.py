"""``make otlp-look``: a replay's traces, sent to Phoenix twice, counted there, and shown.

Phoenix (Elastic License 2.0) is in no extra and no lock file of this project, and its database is
read as a file: what it holds has to be the distinct spans, however often they came.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click
import urllib3

from worker.destinations.otlp.http import HttpReceiver
from worker.destinations.otlp.receivers import url_of
from worker.destinations.otlp.resource import resource_of
from worker.destinations.otlp.signing import OwnHeaders
from worker.destinations.otlp.sink import TraceSink
from worker.destinations.otlp.spans import trace_of
from worker.destinations.otlp.traces import TraceRequests, TraceSelection
from worker.outbox.entries import DeliveryOutcome
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import LiveReplay
from worker.sessions.record import decode_record
from worker.testing.traffic import Traffic, simulated_records

_PORT: Final = 6006
_START_S: Final = 180
_SETTLE_S: Final = 60


@contextmanager
def phoenix(program: Path, folder: Path) -> Iterator[str]:
    """Phoenix on this machine, its database in ``folder``, until the block ends; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    environ = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(_PORT),
        "PHOENIX_GRPC_PORT": "4317",
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve"], env=environ, stdout=log, stderr=log)
        try:
            endpoint = f"http://127.0.0.1:{_PORT}"
            _await(endpoint, process)
            yield endpoint
        finally:
            process.terminate()
            process.wait()


def _await(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if urllib3.request("GET", f"{endpoint}/healthz", retries=False).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(1)
    raise SystemExit("Phoenix didn't come up; its log is beside its database")


def stored(folder: Path) -> tuple[int, int]:
    """How many traces and spans its database has."""
    with closing(sqlite3.connect(f"file:{folder / 'phoenix.db'}?mode=ro", uri=True)) as db:
        traces, spans = (
            int(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
            for table in ("traces", "spans")
        )
    return traces, spans


def look(endpoint: str, folder: Path, sessions: int, seed: int) -> bool:
    """Send all traces twice and tell what is stored each time; whether that is as it must be."""
    commits: list[Outputs] = []
    replay = LiveReplay(Rules(), commits.append)
    for record in simulated_records(Traffic(sessions=sessions, delay_median_s=5.0), seed):
        replay.feed(record)
    replay.finish()
    bodies = [body for one in commits for body in TraceRequests(TraceSelection()).requests(one)]
    traces = [trace_of(decode_record(line)) for body in bodies for line in body.splitlines()]
    distinct = {(trace.trace_id, span.span_id) for trace in traces for span in trace.spans}
    wanted = len({trace.trace_id for trace in traces}), len(distinct)
    click.echo(f"sent: {wanted[0]} traces, {wanted[1]} distinct spans in {len(bodies)} requests")
    receiver = HttpReceiver(url_of(endpoint, "traces"), OwnHeaders({}), "gzip", 10.0)
    resource = resource_of({"service.name": "voice-insights"})
    sink = TraceSink(receiver, resource, "chat", time.monotonic, str)
    same = True
    for nth in ("first", "second"):
        for body in bodies:
            outcome, words = sink.send(body)
            if outcome is not DeliveryOutcome.APPLIED:
                click.echo(f"{outcome.value}: {words}")
                same = False
        found = _settled(folder, wanted)
        click.echo(f"after the {nth} time Phoenix has {found[0]} traces, {found[1]} spans")
        same = same and found == wanted
    return same


def _settled(folder: Path, wanted: tuple[int, int]) -> tuple[int, int]:
    """What is stored once nothing is added any more: it writes some time after it answers."""
    until, found = time.monotonic() + _SETTLE_S, (0, 0)
    while time.monotonic() < until:
        before, found = found, stored(folder)
        if found == before and found >= wanted:
            break
        time.sleep(2)
    return found


@click.command()
@click.option("--program", type=click.Path(path_type=Path), required=True, help="phoenix")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="its database")
@click.option("--sessions", default=60)
@click.option("--seed", default=1)
@click.option("--stay/--leave", default=True, help="go on serving until Ctrl-C")
def main(program: Path, folder: Path, sessions: int, seed: int, stay: bool) -> None:
    """Show the worker's traces in Phoenix."""
    with phoenix(program, folder) as endpoint:
        same = look(endpoint, folder, sessions, seed)
        click.echo("nothing is there twice" if same else "this is not what was sent")
        if stay:
            click.echo(f"look at {endpoint} (project default); Ctrl-C ends it")
            try:
                while True:
                    time.sleep(60)
            except KeyboardInterrupt:
                click.echo()
        sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
