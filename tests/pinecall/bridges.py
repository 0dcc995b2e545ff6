"""Bridges of the real parts against the stub of Pinecall, and streams that keep what they get."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.live import Aws
from tests.processes import AWS, started
from worker.pinecall.bridge import Bridge, BridgeLimits, BridgeParts
from worker.pinecall.checkpoint import ProgressBook, claimed, decode_checkpoint
from worker.pinecall.http import http_call_logs
from worker.pinecall.mapping.call_log import CallMapping
from worker.pinecall.notices import BridgeNotice, CallFinished, CallGivenUp, FollowingLive
from worker.pinecall.putting import Putter
from worker.pinecall.records import record_of
from worker.producer.put_records import Clock, PutRecordsAnswer
from worker.stream.record import Record
from worker.testing.habits import Habits
from worker.testing.pinecall_account import StubAccount, account_of
from worker.testing.pinecall_call import PinecallCall, pinecall_call
from worker.testing.pinecall_server import KEY, pinecall_server

ACCOUNT: Final = "acct"
LONGEST_S: Final = 60.0
LIMITS: Final = BridgeLimits(50, 21_600_000, 3_600_000, 0.2, 0.05)
SHORT: Final = Habits(turns=3, holds=0.2, handoffs=0.1, tool_delays=0.3, barge_ins=0.2)


def calls(
    number: int, *, ago_s: float = 900, spread_s: float = 0, seed: int = 1
) -> list[PinecallCall]:
    """Calls that begin evenly, the first of them so many seconds ago."""
    start = time.time() - ago_s
    step = spread_s / max(1, number)
    return [
        pinecall_call(Random(f"{seed}:{one}"), SHORT, int(1000 * (start + one * step)))
        for one in range(number)
    ]


def mapped(call: PinecallCall) -> list[Record]:
    """What a bridge has to put of a call."""
    mapping = CallMapping(ACCOUNT, call.call)
    return [record_of(event) for entry in call.entries for event in mapping.read(entry)]


def numbers_of(records: Iterable[bytes]) -> dict[str, list[int]]:
    """By call, the numbers of its events as they come."""
    found: dict[str, list[int]] = {}
    for record in records:
        data = json.loads(record)["data"]
        found.setdefault(data["call"], []).append(data["sequence_number"])
    return found


class MemoryStream:
    """A stream that takes everything, once ``refuse`` says nothing against it."""

    def __init__(self, refuse: Callable[[int], bool] = lambda _: False) -> None:
        self.taken: list[bytes] = []
        self.requests = 0
        self._refuse = refuse

    def put_records(self, **arguments: Any) -> PutRecordsAnswer:
        self.requests += 1
        entries = arguments["Records"]
        if self._refuse(self.requests):
            return {
                "FailedRecordCount": len(entries),
                "Records": [{"ErrorCode": "InternalFailure"} for _ in entries],
            }
        self.taken += [entry["Data"] for entry in entries]
        return {"FailedRecordCount": 0, "Records": [{} for _ in entries]}


class MemoryStore:
    """Keeps a checkpoint; ``None`` before the first."""

    place = "memory"

    def __init__(self, kept: bytes | None = None) -> None:
        self.kept = kept

    def acquire(self, claim: Callable[[bytes | None], bytes]) -> bytes:
        self.kept = claim(self.kept)
        return self.kept

    def save(self, data: bytes) -> None:
        self.kept = data


class MemoryArchive:
    """Keeps what is too old for the stream, by call."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Record]] = {}

    async def keep(self, call: str, records: list[Record]) -> str:
        self.kept[call] = records
        return f"memory/{call}"


class Run:
    """A bridge in this process, against a stub. ``told``: its notices, in order."""

    def __init__(
        self,
        stream: MemoryStream | None = None,
        store: MemoryStore | None = None,
        limits: BridgeLimits = LIMITS,
    ) -> None:
        self.stream = stream or MemoryStream()
        self.store = store or MemoryStore()
        self.archive = MemoryArchive()
        self.told: list[BridgeNotice] = []
        self.book: ProgressBook
        self._limits = limits

    def of(self, kind: type[BridgeNotice]) -> list[Any]:
        """The notices of a kind."""
        return [one for one in self.told if isinstance(one, kind)]

    def until(self, url: str, done: Callable[[], object], key: str = KEY) -> None:
        """Run until it is done, or has waited in vain."""
        asyncio.run(self._until(url, done, key))

    async def _until(self, url: str, done: Callable[[], object], key: str) -> None:
        source, place = f"{url} {ACCOUNT}", self.store.place
        taken = self.store.acquire(lambda found: claimed(source, found, place))
        self.book = ProgressBook(decode_checkpoint(taken, place))
        deadline = time.monotonic() + LONGEST_S

        def turn() -> float | None:
            return 0.0 if done() or time.monotonic() > deadline else None

        random = Random(5).random
        clock = Clock(lambda: time.time_ns() // 1_000_000, lambda s: time.sleep(min(s, 0.01)))
        async with http_call_logs(url, key, None) as logs:
            putter = Putter("stream", self.stream, clock, lambda: random() / 50, self.told.append)
            bridge = Bridge(
                BridgeParts(
                    "stream",
                    ACCOUNT,
                    logs,
                    self.book,
                    self.store,
                    putter,
                    self.archive,
                    self._limits,
                    clock.now_ms,
                    time.monotonic,
                    lambda: random() / 50,
                    turn,
                    self.told.append,
                )
            )
            await bridge.run()
        assert done(), f"waited in vain: {self.told[-5:]}"

    def finished(self, number: int) -> bool:
        """Whether so many calls are at their end. The book forgets those no longer listed."""
        noticed = {one.call for one in self.told if isinstance(one, CallFinished | CallGivenUp)}
        ended = noticed | self.book.stored().calls.keys()
        return len(ended) >= number and not self.book.unfinished()


class Hands:
    """A clock of the stub (epoch seconds) that goes on only once all calls that are under way are
    followed, so that each of them is read as it grows.
    """

    def __init__(self, at: float, step_s: float) -> None:
        self._at = at
        self._step_s = step_s

    def __call__(self) -> float:
        return self._at

    def until(self, account: StubAccount, run: Run, done: Callable[[], bool]) -> Callable[[], bool]:
        """What lets time pass, if it is time to, each time that it is asked whether it is done."""

        def go_on() -> bool:
            under_way = {row["call"] for row in account.rows() if row["live"] and row["started_at"]}
            if under_way <= {one.call for one in run.of(FollowingLive)}:
                self._at += self._step_s
            return done()

        return go_on


class Faster:
    """A clock (epoch seconds) that goes ``speed`` times as fast from some time ago up to now."""

    def __init__(self, ago_s: float, speed: float) -> None:
        self._begun = time.time()
        self._ago_s = ago_s
        self._speed = speed

    def __call__(self) -> float:
        now = time.time()
        return min(now, self._begun - self._ago_s + (now - self._begun) * self._speed)


@contextmanager
def bridging(
    aws: Aws, url: str, folder: Path, *, env: Mapping[str, str] = {}, **settings: Any
) -> Iterator[Any]:
    """``bridge pinecall`` as a process; its log is the file ``stderr`` of ``folder``."""
    chosen = {
        "endpoint_url": aws.endpoint,
        "pinecall_url": url,
        "pinecall_account": ACCOUNT,
        "pinecall_poll_s": 0.5,
        "commit_every_s": 0.05,
        "log_format": "json",
        **settings,
    }
    own = {f"VOICE_INSIGHTS_{name.upper()}": str(value) for name, value in chosen.items()}
    with (
        (folder / "stderr").open("ab") as log,
        started(
            *("bridge", "pinecall", "--into", aws.stream),
            cwd=folder,
            env={**AWS, "PINECALL_API_KEY": KEY, **own, **env},
            stdout=log,
            stderr=log,
        ) as process,
    ):
        yield process


def checkpoint_of(folder: Path) -> dict[str, Any]:
    """What a bridge has stored last; nothing before the first time."""
    with suppress(FileNotFoundError):
        found: dict[str, Any] = json.loads((folder / "pinecall-bridge.json").read_bytes())
        return found
    return {"calls": {}}


def all_finished(folder: Path, number: int) -> bool:
    """Whether so many calls are at their end, by the checkpoint."""
    found = checkpoint_of(folder)["calls"].values()
    return sum(bool(one.get("finished")) for one in found) >= number


def await_all(process: Any, folder: Path, number: int) -> None:
    """Wait until a process has followed so many calls to their end."""
    deadline = time.monotonic() + 2 * LONGEST_S
    while not all_finished(folder, number):
        assert process.poll() is None, (folder / "stderr").read_text()[-2000:]
        assert time.monotonic() < deadline, (folder / "stderr").read_text()[-2000:]
        time.sleep(0.05)


def records_in(aws: Aws) -> list[Record]:
    """All that is on a stream, each delivery of it."""
    found = []
    for shard in aws.kinesis.list_shards(StreamName=aws.stream)["Shards"]:
        begin = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        at = aws.kinesis.get_shard_iterator(StreamName=aws.stream, **begin)["ShardIterator"]
        while True:
            answer = aws.kinesis.get_records(ShardIterator=at, Limit=10_000)
            if not answer["Records"]:
                break
            at = answer["NextShardIterator"]
            for one in answer["Records"]:
                arrival = int(one["ApproximateArrivalTimestamp"].timestamp() * 1000)
                number, key = one["SequenceNumber"], one["PartitionKey"]
                found.append(Record(shard["ShardId"], number, arrival, one["Data"], key))
    return found


@contextmanager
def stub(account: StubAccount) -> Iterator[str]:
    """The address of a stub that serves an account."""
    with pinecall_server(account) as url:
        yield url


def past_account(number: int, **more: Any) -> StubAccount:
    """Calls that are all over."""
    return account_of(calls(number, **more), time.time)


def no_proxies() -> dict[str, str]:
    """This process's environment names no proxy for a stub on this machine."""
    return {name: "" for name in os.environ if name.lower().endswith("_proxy")}
