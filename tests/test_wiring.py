"""What a process shares is made once; partitions on it have a state, an identity and lanes each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.aws.sessions import any_session
from tests.outbox.outboxes import FORMATS
from tests.scenes import BASE
from tests.servicing import HEAD, SCENE, Script, scene
from worker.errors import Misconfigured, StreamReplaced
from worker.outbox.entries import EntryKind, NewEntry
from worker.partition.delta import Delta
from worker.service.hooks import WorkerEvents
from worker.service.ports import Clocks
from worker.service.service import Service
from worker.settings.model import Settings
from worker.sources.kinesis.shard_consumer import Batch
from worker.sources.source import Opening
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import SqliteView
from worker.state.store import Commit
from worker.stream.position import Position
from worker.stream.record import Record
from worker.wiring import SharedParts, build_worker, partition_of, shared_parts

HOUR = 3_600_000


def staged(folder: Path, **settings: Any) -> SharedParts:
    ticks = count()
    chosen = {name: str(folder / f"{name}.jsonl") for name in ("records", "dead_letters")}
    return shared_parts(
        Settings.model_validate({"sink": "emf", **chosen, **settings}),
        "calls",
        any_session(),
        WorkerEvents(),
        Clocks(lambda: float(next(ticks)), lambda: BASE),
        lambda: 0.5,
        lambda _seconds: None,
    )


def opened(script: Script, stored: Mapping[str, Position]) -> Opening:
    return Opening(script, stored or {"a": HEAD})


def batch(data: list[bytes], arrival: int) -> Batch:
    records = [Record("a", str(n), BASE + arrival, one, "") for n, one in enumerate(data, 1)]
    position = Position("after", str(len(data)), BASE + arrival)
    return Batch("a", records, position, None, 0, gap=False, children={})


def turned(service: Service, script: Script) -> None:
    script.batches = [batch(scene(), 0), batch([], HOUR)]
    service.start()
    service.turn(0.0)
    script.batches = [batch([], 2 * HOUR)]
    service.turn(0.0)


def test_partitions_of_one_stage_keep_states_of_their_own_and_share_its_sinks(
    tmp_path: Path,
) -> None:
    shared = staged(tmp_path)
    paths = [tmp_path / name for name in ("one", "two")]
    scripts = [Script() for _ in paths]
    services = [
        partition_of(shared, str(path), path.name, partial(opened, script))
        for path, script in zip(paths, scripts, strict=True)
    ]
    for service, script in zip(services, scripts, strict=True):
        turned(service, script)
    for service in services:
        assert service.finish(1e9).entries == 0
    records = (tmp_path / "records.jsonl").read_bytes().splitlines()
    assert len(records) == 2
    for path in paths:
        store = SqliteStore(path)
        assert store.acquire(path.name).counters["folded"] == len(SCENE)
        store.close()
    ended = [SqliteView(path).ledger_since(0, FORMATS).ended for path in paths]
    assert [one.entry for one in ended[0]] == [one.entry for one in ended[1]] != []


def test_one_partition_that_is_abandoned_does_not_stop_another(tmp_path: Path) -> None:
    shared = staged(tmp_path)
    scripts = [Script(), Script()]
    first, second = (
        partition_of(shared, str(tmp_path / f"state-{n}"), f"{n}", partial(opened, script))
        for n, script in enumerate(scripts)
    )
    first.abandon()
    turned(second, scripts[1])
    assert second.finish(1e9).entries == 0
    assert len((tmp_path / "records.jsonl").read_bytes().splitlines()) == 1


class Stranded(WorkerEvents):
    def __init__(self) -> None:
        self.kinds: list[EntryKind] = []

    def stranded(self, kinds: list[EntryKind]) -> None:
        self.kinds += kinds


def test_entries_of_a_destination_that_is_gone_are_told_of_and_kept(tmp_path: Path) -> None:
    path, events = tmp_path / "state", Stranded()
    store = SqliteStore(path)
    store.acquire("calls")
    new_entries = [
        NewEntry("toy", b"1", BASE),
        NewEntry("toy", b"2", BASE),
        NewEntry("records", b"{}\n", BASE),
    ]
    store.append(Commit(Delta(), new_entries, [], None))
    store.close()
    script = Script()
    service = partition_of(
        staged(tmp_path)._replace(events=events), str(path), "calls", partial(opened, script)
    )
    assert events.kinds == ["toy"]
    turned(service, script)
    assert service.finish(1e9).entries == 2


def test_a_state_is_refused_to_whoever_comes_with_another_identity(tmp_path: Path) -> None:
    shared = staged(tmp_path)
    open_source: Callable[[Mapping[str, Position]], Opening] = partial(opened, Script())
    partition_of(shared, str(tmp_path / "state"), "bucket 1 of 16", open_source)
    with pytest.raises(StreamReplaced):
        partition_of(shared, str(tmp_path / "state"), "bucket 2 of 16", open_source)


def test_where_nothing_can_be_written_there_is_no_stage(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="records: can't write"):
        staged(tmp_path, records=str(tmp_path / "none" / "records.jsonl"))


@pytest.mark.parametrize("setting", ["state", "records", "dead_letters"])
def test_what_lies_on_this_machine_is_looked_at_before_anybody_is_asked(
    setting: str, tmp_path: Path
) -> None:
    chosen = {name: str(tmp_path / name) for name in ("state", "records", "dead_letters")}
    chosen[setting] = str(tmp_path / "none" / "file")
    settings = Settings.model_validate(
        {"region": "eu-west-1", "endpoint_url": "http://127.0.0.1:1", "sink": "emf", **chosen}
    )
    with pytest.raises(Misconfigured, match=rf"^{setting}: .*none"):
        build_worker(
            settings,
            "calls",
            any_session(),
            WorkerEvents(),
            Clocks(lambda: 0.0, lambda: BASE),
            lambda: 0.5,
            lambda _seconds: pytest.fail("the stream was asked first"),
        )
