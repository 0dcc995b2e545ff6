"""A fleet of real tasks against an AWS on this machine: started, hindered, and judged."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

import click
import zstandard

from tests.fleet.emulators import Endpoints
from tests.fleet.trials import HOLDS, longest_silence_ms
from tests.live import (
    Offline,
    Statistics,
    Total,
    beyond,
    bounds,
    but_for_the_close,
    last_revisions,
    published,
    replayed,
)
from tests.processes import descent, frozen, run, send, started
from worker.cli.fleet_status import contents_of
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.fleet.layout import Layout
from worker.fleet.layout_store import require_layout
from worker.fleet.task import ROLES
from worker.opening import Locations
from worker.outbox.ledger import Note
from worker.producer.put_records import Clock, reingest
from worker.sources.kinesis.answers import epoch_ms
from worker.state.view import StateContents
from worker.stream.record import Record
from worker.testing.moto_server import away_from_aws

NAMESPACE: Final = "Fleet"
BUCKET: Final = "fleet"
LONGEST_S: Final[Mapping[str, float]] = {"kcl-rs": 400.0, "daemon": 600.0}
"""How long anything that is waited for may take, by engine: leases expire, and are assigned, in
turns.
"""

_LOOK_S: Final = 0.5
_OWNER: Final = re.compile(r"-(\d+)-[0-9a-f]{8}$")


class FleetNames(NamedTuple):
    """The names of one fleet's streams and of its applications."""

    source: str = "calls"
    keyed: str = "calls-keyed"
    fleet: str = "test"


class Tasks:
    """A fleet, its streams and its tasks. ``folder``: for logs and recordings."""

    def __init__(
        self,
        aws: Endpoints,
        folder: Path,
        engine: str,
        buckets: int = 8,
        shards: int = 4,
        holds: Mapping[str, int] = HOLDS,
    ) -> None:
        self.aws = aws
        self.names = FleetNames()
        self.kinesis = aws.client("kinesis")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.began = time.monotonic()
        self.put = 0
        self._folder = folder
        self._shards = shards
        self._stack = ExitStack()
        self._longest_s = LONGEST_S[engine]
        self._close_idle_ms = holds["close_idle_s"] * 1000
        chosen = {
            "stream": self.names.source,
            "fleet_stream": self.names.keyed,
            "fleet_name": self.names.fleet,
            "fleet_engine": engine,
            "fleet_buckets": buckets,
            "start": "trim_horizon",
            "namespace": NAMESPACE,
            "state": f"s3://{BUCKET}/state",
            "records": f"s3://{BUCKET}",
            "dead_letters": f"s3://{BUCKET}",
            "log_format": "json",
            "commit_every_s": 1,
            **holds,
        }
        own = {f"VOICE_INSIGHTS_{name.upper()}": str(value) for name, value in chosen.items()}
        self.env = {**aws.environment, **own}

    def make(self) -> None:
        """Make streams, the bucket and the layout."""
        self.make_streams()
        self.command("fleet", "init")

    def make_streams(self) -> None:
        """Make streams and the bucket."""
        for stream in (self.names.source, self.names.keyed):
            self.kinesis.create_stream(StreamName=stream, ShardCount=self._shards)
        self.aws.client("s3").create_bucket(Bucket=BUCKET)
        for stream in (self.names.source, self.names.keyed):
            self.await_active(stream)

    def command(self, *arguments: object) -> str:
        """Run a command of the program, which must succeed; return what it prints."""
        done = run(*arguments, cwd=self._folder, env=self.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def await_active(self, stream: str) -> None:
        """Wait until a stream can be read."""

        def is_active() -> bool:
            answer = self.kinesis.describe_stream_summary(StreamName=stream)
            return bool(answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")

        self.wait_for(is_active, f"{stream} to be active")

    def start(self, name: str) -> None:
        """Start a task; its log is a file of the folder."""
        log = self._stack.enter_context((self._folder / f"{name}.log").open("wb"))
        self.running[name] = self._stack.enter_context(
            started("fleet", "run", cwd=self._folder, env=self.env, stdout=log, stderr=log)
        )

    def end(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a task that ends it; return its exit code."""
        process = self.running.pop(name)
        process.send_signal(number)
        return process.wait(self._longest_s)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Freeze a task until the end of the block, as a machine that stands still; until then it
        counts as none that runs.
        """
        process = self.running.pop(name)
        try:
            with frozen(process.pid):
                yield
        finally:
            self.running[name] = process

    def close(self) -> None:
        """Kill what still runs, with all that it has started."""
        for process in self.running.values():
            for one in descent(process.pid):
                send(one, signal.SIGKILL)
        self._stack.close()

    def feed(self, records: Iterable[Record], speed: float) -> Thread:
        """Put records at their times, ``speed`` times as fast, in a thread."""
        more = list(records)
        clock = Clock(lambda: time.time_ns() // 1_000_000, time.sleep)

        def work() -> None:
            reingest(
                lambda: more,
                self.names.source,
                self.aws.client("kinesis"),
                clock,
                speed=speed,
                shift_to_now=True,
                progress=self._progress,
            )

        thread = Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _progress(self, put: int) -> None:
        self.put = put

    def log(self, name: str) -> str:
        """The log of a task."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def wait_for(self, done: Callable[[], object], what: str) -> float:
        """Wait until it is ``done``, as long as the tasks live; return the seconds it took."""
        began = time.monotonic()
        while not done():
            for name, process in self.running.items():
                code = process.poll()
                assert code is None, f"{name} ended with {code} before {what}: {self._end_of(name)}"
            late = time.monotonic() - began > self._longest_s
            logs = "\n".join(f"{one}: {self._end_of(one)}" for one in self.running)
            assert not late, f"waited in vain for {what}\n{self.leases()}\n{logs}"
            time.sleep(_LOOK_S)
        return time.monotonic() - began

    def _end_of(self, name: str) -> str:
        return self.log(name)[-3000:]

    def leases(self) -> dict[str, dict[str, str]]:
        """The name of the task that leases each shard, by role; empty if none of ours does."""
        names = {process.pid: name for name, process in self.running.items()}
        return {role: self._leases(role, names) for role in ROLES}

    def _leases(self, role: str, names: Mapping[int, str]) -> dict[str, str]:
        client = self.aws.client("dynamodb")
        table = f"{self.names.fleet}-{role}"
        try:
            pages = [*client.get_paginator("scan").paginate(TableName=table)]
        except client.exceptions.ResourceNotFoundException:
            return {}
        found = {}
        for page in pages:
            for item in page["Items"]:
                if item.get("checkpoint", {}).get("S") == "SHARD_END":
                    continue
                owner = _OWNER.search(item.get("leaseOwner", {}).get("S", ""))
                name = names.get(int(owner[1]), "") if owner else ""
                found[item["leaseKey"]["S"]] = name
        return found

    def await_leases(self, owners: set[str], since: float | None = None) -> dict[str, float]:
        """Wait until just these tasks lease the open shards, in each role; return the seconds that
        each role took, by default from now on.
        """
        began, took = since or time.monotonic(), dict[str, float]()

        def look() -> bool:
            for role, leases in self.leases().items():
                held = {leases.get(shard, "") for shard in self._open_shards(role)}
                if role not in took and held == owners:
                    took[role] = round(time.monotonic() - began, 1)
            return len(took) == len(ROLES)

        self.wait_for(look, f"leases of {owners}")
        return took

    def tell(self, step: str, took: Mapping[str, float]) -> None:
        """Print how long a step took."""
        click.echo(f"{time.monotonic() - self.began:6.1f} s  {step}: {dict(took)}")

    def _open_shards(self, role: str) -> set[str]:
        return self.open_shards(self.names.source if role == "router" else self.names.keyed)

    def open_shards(self, stream: str) -> set[str]:
        """The shards of a stream that take records."""
        shards = self.kinesis.list_shards(StreamName=stream)["Shards"]
        return {
            one["ShardId"]
            for one in shards
            if "EndingSequenceNumber" not in one["SequenceNumberRange"]
        }

    def split(self, stream: str, shard: str) -> None:
        """Split a shard in its middle."""
        for one in self.kinesis.list_shards(StreamName=stream)["Shards"]:
            if one["ShardId"] == shard:
                keys = one["HashKeyRange"]
                middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2 + 1
                self.kinesis.split_shard(
                    StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(middle)
                )
        self.await_active(stream)

    def merge(self, stream: str, left: str, right: str) -> None:
        """Merge two neighbours."""
        self.kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
        self.await_active(stream)

    # --- what the states hold

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Have this process see the fleet's AWS."""
        with away_from_aws():
            os.environ |= self.env
            yield

    def states(self) -> list[StateContents]:
        """The contents of all buckets that were ever acquired."""
        with self.environment():
            return [one for one in contents_of(self._locations, self._state, self.layout) if one]

    def notes(self) -> list[Note]:
        """The ledgers of all buckets."""
        with self.environment():
            layout = self.layout
            views = [
                self._locations.view(layout.location(self._state, bucket))
                for bucket in range(layout.buckets)
            ]
            return [note for view in views for note in view.notes()]

    @property
    def layout(self) -> Layout:
        """The fleet's layout."""
        return require_layout(self._locations, self._state)

    @property
    def _locations(self) -> Locations:
        return Locations(None, None)

    @property
    def _state(self) -> str:
        return f"s3://{BUCKET}/state"

    def counters(self) -> Counter[str]:
        """The sums of the buckets' counters."""
        found: Counter[str] = Counter()
        for state in self.states():
            found.update(state.whole.counters)
        return found

    def lines(self, folder: str) -> list[bytes]:
        """The lines of all objects in a folder."""
        s3 = self.aws.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{folder}/")
        found: list[bytes] = []
        for page in pages:
            for one in page.get("Contents", ()):
                body = s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
                found += zstandard.decompress(body).splitlines()
        return found

    def settled(self, occurrences: int) -> bool:
        """Whether all that was put is counted, all sessions are closed, and all is sent."""
        states = self.states()
        counted = sum(one.whole.counters.get("occurrences", 0) for one in states)
        waiting = any(one.waiting or one.whole.sessions for one in states)
        return counted >= occurrences and not waiting

    # --- what must be equal

    def recorded(self) -> Offline:
        """What a replay of the source's records gives. Only if no call was silent until it closed,
        a fleet has no record to revise.
        """
        records = [*self._records()]
        silence = longest_silence_ms(records)
        assert silence < self._close_idle_ms, f"nothing of a call was fed for {silence} ms"
        return replayed(records, self._folder, self.env)

    def _records(self) -> Iterator[Record]:
        """All records of the source, each shard's in order."""
        stream = self.names.source
        for listed in self.kinesis.list_shards(StreamName=stream)["Shards"]:
            shard = listed["ShardId"]
            iterator = self.kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                answer = self.kinesis.get_records(ShardIterator=iterator, Limit=500)
                for one in answer["Records"]:
                    arrival = epoch_ms(one["ApproximateArrivalTimestamp"])
                    number, key = one["SequenceNumber"], one["PartitionKey"]
                    yield Record(shard, number, arrival, one["Data"], key)
                at_tip = not answer["Records"] and not answer["MillisBehindLatest"]
                iterator = None if at_tip else answer.get("NextShardIterator")

    def session_records(self) -> dict[str, dict[str, Any]]:
        """The last revision of each session, as it was delivered."""
        return last_revisions(b"\n".join(self.lines(RECORDS)))

    def judge(self, offline: Offline) -> Statistics:
        """Assert that all is as a replay says, and return by how much CloudWatch has more than it
        should: for each series' minute no more than the ledgers say.
        """
        assert but_for_the_close(self.session_records()) == but_for_the_close(offline.records)
        letters = set(self.lines(DEAD_LETTERS))
        assert len(letters) == offline.counters["dead_letters"]
        assert differing(self.counters(), offline.counters) == {}
        bound = bounds(self.notes())
        client = self.aws.client("cloudwatch")
        twice = beyond(published(client, NAMESPACE, offline.statistics), offline.statistics)
        for series, more in twice.items():
            assert 0 < more.samples <= bound.get(series, Total(0, 0)).samples, series
        return twice


def differing(found: Counter[str], expected: Counter[str]) -> dict[str, tuple[int, int]]:
    """The counters that differ, each as it is and as it should be."""
    return {
        name: (found[name], expected[name])
        for name in found.keys() | expected.keys()
        if found[name] != expected[name]
    }
