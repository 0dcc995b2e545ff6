"""The worker as a process against an embedded AWS, and what the two then hold."""

from __future__ import annotations

import json
import math
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from tests.processes import AWS, LONGEST_S, run, started
from worker.metrics.catalogue import CATALOGUE
from worker.outbox.ledger import Note
from worker.partition.delta import Delta
from worker.producer.put_records import Clock, reingest
from worker.recordings.writer import write_recording
from worker.state.sqlite.rows import whole_state
from worker.state.sqlite.view import Peek, peek
from worker.stream.record import Record
from worker.testing.moto_server import client_of
from worker.testing.traffic import Traffic, simulated_records

SHORTENED: Final = {
    "hold_direct_s": 0,
    "hold_turn_s": 1,
    "quiet_s": 1,
    "hold_max_s": 3600,
    "release_every_s": 1,
    "close_after_wrap_up_s": 2,
    "close_idle_s": 3,
    "commit_every_s": 0.1,
}
"""Holds that pass while a test waits. They are exact where everything is put before the worker's
first start: time does not begin before every shard has been read."""

Dimensions = tuple[tuple[str, str], ...]
Series = tuple[str, Dimensions, str]
"""Name, dimensions, minute."""


class Total(NamedTuple):
    """Samples and their sum."""

    samples: float
    sum: float

    def plus(self, samples: float, total: float) -> Total:
        return Total(self.samples + samples, self.sum + total)


Statistics = dict[Series, Total]


def calls(sessions: int = 12, *, ago_s: int = 1800, **more: float) -> Traffic:
    """Calls of the past, so that all their minutes are over, with some of all that may come."""
    return Traffic(
        sessions=sessions,
        start_ms=time.time_ns() // 1_000_000 - ago_s * 1000,
        spread_s=120.0,
        delay_median_s=0.0,
        **{"malformed": 0.01, "aggregates": 0.05, **more},  # type: ignore[arg-type]
    )


def portion(sessions: int, seed: int, *, ago_s: int = 1800) -> list[Record]:
    """Calls to put while others are at work: on one shard, so that nobody reads a part of them.

    Of a session that is read in parts, shard by shard, what is told in between may turn out
    untrue: its minutes are long over, so no hold waits for the rest.
    """
    made = simulated_records(calls(sessions, ago_s=ago_s), seed)
    return [replace(record, partition_key=f"portion {seed}") for record in made]


class Aws:
    """One stream of an embedded AWS, with what is put on it."""

    def __init__(self, endpoint: str, stream: str, shards: int = 3) -> None:
        self.endpoint = endpoint
        self.stream = stream
        self.put: list[Record] = []
        self.kinesis = self.client("kinesis")
        self._cloudwatch = self.client("cloudwatch")
        self.kinesis.create_stream(StreamName=stream, ShardCount=shards)

    def client(self, service: str) -> Any:
        return client_of(service, self.endpoint)

    def feed(self, records: Iterable[Record]) -> None:
        """Put all of them; up to 500 by one request, so that nobody reads a part of them."""
        more = list(records)
        clock = Clock(lambda: time.time_ns() // 1_000_000, time.sleep)
        reingest(lambda: more, self.stream, self.kinesis, clock)
        self.put += more

    def statistics(self, namespace: str, expected: Statistics) -> Statistics:
        """See ``published``."""
        return published(self._cloudwatch, namespace, expected)


def published(cloudwatch: Any, namespace: str, expected: Statistics) -> Statistics:
    """Per minute, of every metric and of all series of ``expected``.

    Of a series it also adds up those that have its dimensions and more: so the emulator does.
    """
    asked = {(name, dimensions) for name, dimensions, _ in expected}
    asked |= {(name, ()) for name in CATALOGUE}
    now = datetime.now(UTC)
    found = {}
    for name, dimensions in asked:
        answer = cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions],
            StartTime=now - timedelta(hours=6),
            EndTime=now + timedelta(hours=2),
            Period=60,
            Statistics=["SampleCount", "Sum"],
        )
        for point in answer["Datapoints"]:
            minute = point["Timestamp"].astimezone(UTC).strftime("%H:%M")
            found[name, dimensions, minute] = Total(point["SampleCount"], point["Sum"])
    return found


def _minute(stamp: int | str) -> str:
    """HH:MM of a datum's stamp, as it is sent (epoch seconds) or as a replay writes it."""
    if isinstance(stamp, str):
        return stamp[11:16]
    return datetime.fromtimestamp(stamp, UTC).strftime("%H:%M")


def statistics(datums: Iterable[Mapping[str, Any]]) -> Statistics:
    """Of datums as they are sent; added up as the emulator does."""
    exact: Statistics = {}
    for datum in datums:
        dimensions = tuple((one["Name"], one["Value"]) for one in datum["Dimensions"])
        minute = _minute(datum["Timestamp"])
        series = (datum["MetricName"], dimensions, minute)
        pairs = list(zip(datum["Values"], datum["Counts"], strict=True))
        exact[series] = exact.get(series, Total(0, 0)).plus(
            sum(n for _, n in pairs), math.fsum(value * n for value, n in pairs)
        )
    named = {(name, ()) for name, _, _ in exact} | {(name, of) for name, of, _ in exact}
    added: Statistics = {}
    for (name, dimensions, minute), total in exact.items():
        for other, asked in named:
            if other == name and set(asked) <= set(dimensions):
                key = (name, asked, minute)
                added[key] = added.get(key, Total(0, 0)).plus(*total)
    return added


def bounds(notes: Iterable[Note]) -> Statistics:
    """By how many samples each series' minute may be too many, by the ledger."""
    return statistics(
        {
            "MetricName": series.metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in series.dimensions],
            "Timestamp": minute // 1000,
            "Values": [1.0],
            "Counts": [count * (note.max_count - note.min_count)],
        }
        for note in notes
        for series, minute, count in note.counts
    )


def beyond(found: Statistics, expected: Statistics) -> Statistics:
    """By how much ``found`` differs, where it does; the sum of what is made of arrivals aside."""
    differs = {}
    for series in found.keys() | expected.keys():
        samples, total = found.get(series, Total(0, 0))
        wanted = expected.get(series, Total(0, 0))
        more = total - wanted.sum
        if series[0] == "DeliveryDelay" or abs(more) <= 1e-6 * max(1.0, abs(total)):
            more = 0.0
        if samples != wanted.samples or more:
            differs[series] = Total(samples - wanted.samples, more)
    return differs


class Offline(NamedTuple):
    """What a replay of the same records gives."""

    records: dict[str, dict[str, Any]]
    statistics: Statistics
    counters: Counter[str]


def replayed(records: Iterable[Record], folder: Path, settings: Mapping[str, str] = {}) -> Offline:
    write_recording(folder / "recording", records)
    files = ("--sessions", "s", "--metrics", "m", "--counters", "c")
    done = run("replay", "recording", *files, cwd=folder, env=settings)
    assert done.returncode == 0, done.stderr
    datums = (json.loads(line) for line in (folder / "m").read_text().splitlines())
    return Offline(
        last_revisions((folder / "s").read_bytes()),
        statistics(datums),
        Counter(json.loads((folder / "c").read_text())),
    )


def last_revisions(lines: bytes) -> dict[str, dict[str, Any]]:
    """The session records in ``lines``, by session; all that is there must be one."""
    last: dict[str, dict[str, Any]] = {}
    for line in lines.splitlines():
        record = json.loads(line)
        known = last.get(record["session_id"])
        if known is None or known["revision"] <= record["revision"]:
            last[record["session_id"]] = record
    return last


def but_for_the_close(records: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same records whatever has closed them."""
    return {sid: {**record, "close_reason": None} for sid, record in records.items()}


class Live:
    """A worker, soon running, its folder and its state."""

    look_every_s = 0.02
    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path) -> None:
        self.state_file = folder / "state.sqlite"
        self._epoch = self.epoch
        self._folder = folder

    def wait_for(self, done: Callable[[], object], what: str) -> None:
        """Until it is ``done``, as long as the worker is alive."""
        deadline = time.monotonic() + LONGEST_S
        while not done():
            assert self.process.poll() is None, f"ended before {what}: {self.log[-2000:]}"
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self.log[-2000:]}"
            time.sleep(self.look_every_s)

    def wait_for_sessions(self, sessions: int) -> None:
        """Until so many have told everything, and all of it is sent."""
        self.wait_for(
            lambda: self.begun and self.peek() == Peek(sessions, 0), f"{sessions} sessions"
        )

    def wait_for_occurrences(self, least: int) -> None:
        """Until so many are folded and committed, over all starts."""
        self.wait_for(lambda: self.counted("occurrences") >= least, f"{least} occurrences")

    def counted(self, name: str) -> int:
        """A counter, as it is committed."""
        return self.state.counters.get(name, 0) if self.begun else 0

    @property
    def begun(self) -> bool:
        """Whether this worker has taken the state; signals are minded by then."""
        return self.epoch > self._epoch

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONGEST_S)

    def peek(self) -> Peek:
        return peek(self.state_file)

    @property
    def state(self) -> Delta:
        """What is committed, looked at from outside."""
        with closing(sqlite3.connect(f"{self.state_file.as_uri()}?mode=ro", uri=True)) as db:
            return whole_state(self.state_file, db)

    @property
    def epoch(self) -> int:
        """How many times its state has been taken."""
        if not self.state_file.exists():
            return 0
        try:
            with closing(sqlite3.connect(f"{self.state_file.as_uri()}?mode=ro", uri=True)) as db:
                row = db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        except sqlite3.OperationalError:  # its owner is just making it
            return 0
        return 0 if row is None else int(row[0])

    @property
    def log(self) -> str:
        return (self._folder / "stderr").read_text()

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Whole lines; each must be one of JSON."""
        whole = self.log.rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def out(self) -> bytes:
        return (self._folder / "stdout").read_bytes()


@contextmanager
def working(
    aws: Aws,
    folder: Path,
    *,
    env: Mapping[str, str] = AWS,
    stderr: int | None = None,
    live: Live | None = None,
    **settings: Any,
) -> Iterator[Live]:
    """``run`` on the stream; its output and log are files of ``folder``, begun anew.

    ``env``: how AWS is set up. ``stderr``: a descriptor for the log in place of the file.
    ``live``: what watches it, if it is none that a file of ``folder`` is the state of.
    """
    chosen = {
        "stream": aws.stream,
        "endpoint_url": aws.endpoint,
        "state": folder / "state.sqlite",
        **SHORTENED,
        **settings,
    }
    own = {f"VOICE_INSIGHTS_{name.upper()}": str(value) for name, value in chosen.items()}
    with ExitStack() as stack:
        out, log = (stack.enter_context((folder / n).open("wb")) for n in ("stdout", "stderr"))
        pipes = {"stdout": out, "stderr": log if stderr is None else stderr}
        live = live or Live(folder)
        live.process = stack.enter_context(started("run", cwd=folder, env={**env, **own}, **pipes))
        yield live
