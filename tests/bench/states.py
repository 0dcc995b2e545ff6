"""Cases (c) and (d): a state with many open sessions, restored, added to, committed."""

from __future__ import annotations

import gc
import os
import statistics
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from tests.bench.inputs import events
from tests.bench.peers.measured import Stopwatch, settle
from tests.bench.replaying import Figures
from tests.outbox.outboxes import FORMATS
from worker.cli.gc_tuning import tune_collector
from worker.events.decode import Delivery, decode
from worker.events.event import Event, SessionKey
from worker.outbox.destination import new_entries
from worker.partition.delta import Delta, SessionChange
from worker.partition.partition import Partition
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit

EVENTS: Final = 120
"""Events of each open session."""

_STREAM: Final = "bench"
_POOL: Final = 40  # different sessions, of which the state holds copies under keys of their own
_TRAFFIC: Final = 30_000  # records in which so many sessions get that long
_AT_ONCE: Final = 1000
_COMMITS: Final = 5


def write_state(path: Path, sessions: int, seed: int) -> None:
    """A state file with so many open sessions of ``EVENTS`` events each."""
    pool = _folded_pool(seed)
    store = SqliteStore(path)
    store.acquire(_STREAM)
    for start in range(0, sessions, _AT_ONCE):
        changes = [
            _under_key(pool[n % len(pool)], n)
            for n in range(start, min(start + _AT_ONCE, sessions))
        ]
        delta = Delta(stream_time=_newest(pool), numbered=sessions, sessions=changes)
        store.append(Commit(delta, [], [], None))
    store.compact()
    store.close()


def _folded_pool(seed: int) -> list[SessionChange]:
    """Open sessions of the simulator's, cut to their first events."""
    partition = Partition(rules_of(Settings()))
    for found in islice(_long_sessions(seed), _POOL):
        partition.fold([Delivery(event, "s", "1", event.arrival, b"") for event in found])
    return partition.commit()[0].sessions


def _long_sessions(seed: int) -> Iterator[list[Event]]:
    by_key: dict[SessionKey, list[Event]] = {}
    for record in events(_TRAFFIC, seed):
        for delivery in decode(record):
            event = delivery.occurrence
            if isinstance(event, Event) and event.name != "call_wrap_up":
                of_session = by_key.setdefault(event.key, [])
                of_session.append(event)
                if len(of_session) == EVENTS:
                    yield of_session


def _under_key(change: SessionChange, n: int) -> SessionChange:
    return SessionChange(n, msgspec.structs.replace(change.state, key=_key(n)), change.log)


def _key(n: int) -> SessionKey:
    return SessionKey("twilio", f"AC{7:032x}", f"CA{n:032x}", f"VX{n:032x}")


def _newest(pool: list[SessionChange]) -> int:
    return max(change.state.last_arrival for change in pool)


def restore(state: str, sessions: int) -> Figures:
    """Seconds from the file to a partition, and the memory that it keeps."""
    settle()
    tune_collector()
    watch = Stopwatch()
    with watch.running():
        partition, store = _restored(state)
    gc.collect()
    assert partition.resident == sessions, (partition.resident, sessions)
    store.close()
    return {
        "records": sessions,
        "restore_s": watch.wall_s,
        "resident_mb": _resident_mb(),
    }


def commit(state: str, sessions: int, new_events: int, seed: int) -> Figures:
    """Milliseconds of a commit after so many events, one at a time, all over the sessions."""
    partition, store = _restored(state)
    rng = Random(seed)
    settle()
    tune_collector()
    taken = []
    for _ in range(_COMMITS):
        # numbered on from what runs before this one have left in the state: none is a repeat
        first = partition.counters["occurrences"]
        partition.fold(list(_fresh_events(rng, sessions, new_events, first)))
        watch = Stopwatch()
        with watch.running():
            delta, outputs = partition.commit()
            entries = new_entries(FORMATS, outputs, 0)
            store.append(Commit(delta, entries, list(outputs.evicted.values()), None))
        taken.append(watch.wall_s * 1000)
    assert not partition.counters["duplicates"]
    store.close()
    return {"records": _COMMITS * new_events, "commit_ms": statistics.median(taken)}


def _fresh_events(rng: Random, sessions: int, count: int, first: int) -> Iterator[Delivery]:
    arrival = 1_790_943_000_000
    for number in range(first, first + count):
        event = Event(_key(rng.randrange(sessions)), arrival, number, "prompt_sent", None, arrival)
        yield Delivery(event, "s", "1", arrival, b"")


def _restored(state: str) -> tuple[Partition, SqliteStore]:
    store = SqliteStore(Path(state))
    return Partition(rules_of(Settings()), store.acquire(_STREAM)), store


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
