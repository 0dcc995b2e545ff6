"""``voice-insights demo``: the whole worker, run against an AWS embedded on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from worker.cli.records_file import read_records
from worker.cli.report import html
from worker.errors import Misconfigured, VoiceInsightsError
from worker.events.decode import decode
from worker.page.data import ReportScope, TimeSpan, data_of, worst_first
from worker.producer.put_records import Clock, reingest
from worker.reports.console import console, print_table
from worker.reports.readback import totals
from worker.reports.record_counts import Beside, beside
from worker.reports.tables import (
    call_bars,
    call_notes,
    call_table,
    metrics_table,
    sessions_table,
    worst_sessions,
)
from worker.reports.turn_parts import longest, sentence
from worker.sessions.schema import SessionRecord
from worker.state.sqlite.view import folded, peek
from worker.stream.record import Record
from worker.testing.driven_clock import Driver
from worker.testing.moto_server import REGION, away_from_aws, client_of, embedded_aws
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import MINUTE

_STREAM: Final = "voice-insights-demo"
_SHARDS: Final = 4
_SPEED: Final = 40
_STEP_S: Final = 5.0  # the least step by which the embedded AWS's time advances
_LENGTH_MS: Final = 15 * MINUTE  # waiting for the few repeats that arrive later isn't worth it
_BEFORE_NOW_MS: Final = 180 * MINUTE  # the calls begin so long ago that none lies in the future
_MINUTES_AFTERWARDS: Final = 120  # for the worker's timers, once everything has arrived
_A_MINUTE_IN_S: Final = 0.25
_PATIENCE_S: Final = 240
_END_S: Final = 30
_COMMIT_EVERY_S: Final = 0.5
_EVERYTHING: Final = ReportScope(TimeSpan(None, None), None, None, "records", redact=False)


@click.command()
@click.option(
    "--sessions",
    default=40,
    show_default=True,
    type=click.IntRange(1, 500),
    help="How many calls to make.",
)
@click.option("--seed", default=1, show_default=True, help="Different seeds make different calls.")
@click.option(
    "--out",
    default="demo-output",
    show_default=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where to write; the files of an earlier demo there are replaced.",
)
def demo(sessions: int, seed: int, out: Path) -> None:
    """Run the whole worker against an embedded AWS; takes about half a minute.

    The demo starts an AWS emulator on this machine, puts simulated traffic into a Kinesis stream
    there, runs the real worker against it, and shows what CloudWatch then holds, the sessions
    that went worst for their callers, and one call turn by turn. It needs no AWS account and no
    network.
    """
    folder = _fresh(out)
    traffic = Traffic(
        sessions=sessions,
        shards=_SHARDS,
        spread_s=300,
        delay_median_s=5,
        stragglers=0,
        malformed=0.002,
        aggregates=0.05,
    )
    records = list(_records(traffic, seed))
    click.echo(
        f"Starting an embedded AWS, whose time runs {_SPEED} times as fast as real time.", err=True
    )
    click.echo(f"{sessions} calls; the worker runs with its usual holds and timers.", err=True)
    with away_from_aws(), embedded_aws() as endpoint:
        client = partial(client_of, endpoint=endpoint)
        began = time.time_ns() // 1_000_000 - _BEFORE_NOW_MS
        feed = _Feed(records, Driver(endpoint, began, _SPEED), client("kinesis"))
        _make_stream(client("kinesis"))
        with _worker(endpoint, folder) as worker, feed:
            _watch(worker, folder, sessions, feed.occurrences)
        _show(client("cloudwatch"), folder)


def _records(traffic: Traffic, seed: int) -> Iterator[Record]:
    last = traffic.start_ms + _LENGTH_MS
    return takewhile(lambda record: record.arrival < last, simulated_records(traffic, seed))


class _Feed:
    """Puts each record into the stream at its arrival time by the embedded AWS's clock, and
    then advances that clock, faster, past all of the worker's timers.
    """

    def __init__(self, records: list[Record], clock: Driver, kinesis: Any) -> None:
        self.occurrences = sum(len(decode(record)) for record in records)
        self._records = records
        self._clock = clock
        self._kinesis = kinesis
        self._done = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        reingest(
            lambda: self._records,
            _STREAM,
            self._kinesis,
            Clock(self._clock.now_ms, lambda seconds: self._clock.sleep(max(_STEP_S, seconds))),
            speed=1,
            shift_to_now=True,
        )
        for _ in range(_MINUTES_AFTERWARDS):
            if self._done.wait(_A_MINUTE_IN_S):
                return
            self._clock.skip(60)


def _show(cloudwatch: Any, folder: Path) -> None:
    out = console(sys.stdout)
    rows = list(totals(cloudwatch, "VoiceInsights", datetime.now(UTC)))
    print_table(
        out, metrics_table(rows, "What CloudWatch holds (namespace VoiceInsights, read back)")
    )
    records = read_records(folder / "sessions.jsonl")
    out.print(_counts(beside(rows, records)), soft_wrap=True)
    out.print()
    worst = worst_sessions(records, 5)
    print_table(out, sessions_table(worst, "The sessions that went worst for their callers (ms)"))
    if worst:
        print_table(out, call_table(worst[0]))
        for line in (*call_bars(worst[0]), *call_notes(worst[0])):
            out.print(f"  {line}", soft_wrap=True)
    page = folder / "report.html"
    page.write_text(html(data_of(records, _EVERYTHING)), encoding="utf-8")
    out.print("\nWritten:")
    for path in sorted(folder.iterdir()):
        out.print(f"  {path}  ({path.stat().st_size:,} bytes)")
    out.print(f"\nAny other call: voice-insights session SID --records {folder / 'sessions.jsonl'}")
    out.print(
        f"To look at all the calls, open {page} in a browser{_to_see(records)}.", soft_wrap=True
    )


def _to_see(records: list[SessionRecord]) -> str:
    """A hint at the longest wait of all, to look at first."""
    for record in worst_first(records)[:1]:
        parts = longest(record)
        if parts is not None:
            return f"; see {sentence(record.session_id, parts)}"
    return ""


def _counts(found: list[Beside]) -> str:
    """A line that compares CloudWatch's counts with the sums of the session records."""
    same = [f"{one.metric} {one.published:,}" for one in found if one.published == one.recorded]
    other = [
        f"{one.metric} {one.published:,} in CloudWatch, {one.recorded:,} in the records"
        for one in found
        if one.published != one.recorded
    ]
    equal = f"Equal in CloudWatch and in the session records: {', '.join(same) or 'nothing'}."
    return f"{equal} Different: {'; '.join(other)}." if other else equal


def _watch(worker: subprocess.Popen[bytes], folder: Path, sessions: int, occurrences: int) -> None:
    """Show the worker's progress until all occurrences are counted, emitted and sent."""
    state = folder / "state.sqlite"
    deadline = time.monotonic() + _PATIENCE_S
    with _progress(sessions) as show:
        while time.monotonic() < deadline:
            if worker.poll() is not None:
                raise VoiceInsightsError(f"the worker ended too early; see {folder / 'worker.log'}")
            seen, read = peek(state), folded(state)
            show(seen.evicted, f"{seen.evicted} of {sessions} sessions, {seen.outbox} to send")
            if read == (occurrences, 0) and seen.evicted >= sessions and not seen.outbox:
                return
            time.sleep(0.5)
    raise VoiceInsightsError(f"not done in {_PATIENCE_S} s; see {folder / 'worker.log'}")


@contextmanager
def _progress(sessions: int) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on a terminal, an occasional line elsewhere."""
    if not sys.stderr.isatty():
        printed = [""]

        def line(done: int, state: str) -> None:
            if state != printed[0] and (done % 5 == 0 or done == sessions):
                printed[0] = state
                click.echo(f"emitted: {state}", err=True)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console(sys.stderr)) as bar:
        task = bar.add_task("sessions emitted", total=sessions, state="")
        yield lambda done, state: bar.update(task, completed=done, state=state)


@contextmanager
def _worker(endpoint: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real worker as its own process, and stop it as an orchestrator would."""
    settings: Mapping[str, object] = {
        "stream": _STREAM,
        "region": REGION,
        "endpoint_url": endpoint,
        "state": folder / "state.sqlite",
        "records": folder / "sessions.jsonl",
        "dead_letters": folder / "dead-letters.jsonl",
        "log_format": "json",
        "commit_every_s": _COMMIT_EVERY_S,
        "idle_clock": "server",  # the embedded AWS's time runs faster than ours
        "config": os.devnull,  # ignore a settings file in this folder
    }
    own = {f"VOICE_INSIGHTS_{name.upper()}": str(value) for name, value in settings.items()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("VOICE_INSIGHTS_")}
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker", "run"],
            env={**inherited, **_CREDENTIALS, **own},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield worker
            worker.send_signal(signal.SIGTERM)
            if worker.wait(_END_S):
                raise VoiceInsightsError(f"the worker failed; see {folder / 'worker.log'}")
        finally:
            worker.kill()
            worker.wait()


_CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}


def _make_stream(kinesis: Any) -> None:
    kinesis.create_stream(StreamName=_STREAM, ShardCount=_SHARDS)
    kinesis.get_waiter("stream_exists").wait(StreamName=_STREAM)


def _fresh(folder: Path) -> Path:
    """Make the folder and remove an earlier demo's files from it, and no others."""
    try:
        if folder.is_dir():
            for name in ("sessions.jsonl", "dead-letters.jsonl", "worker.log", "report.html"):
                (folder / name).unlink(missing_ok=True)
            for path in folder.glob("state.sqlite*"):
                path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"--out {folder}: {error.strerror}") from error
    return folder
