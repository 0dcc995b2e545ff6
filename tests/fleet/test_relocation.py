"""What a stopped worker keeps moves into a fleet's buckets, and back, in files and in a bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from msgspec.structs import replace

from tests.fleet.test_moving import batches
from tests.live import Aws
from worker.errors import BadInput, Fenced, Misconfigured, StreamReplaced
from worker.events.decode import decode_all
from worker.fleet.layout import Layout
from worker.fleet.layout_store import bucket_views, create_layout, read_layout
from worker.fleet.moving import WholeState, join_states
from worker.fleet.relocation import fleet_from, single_from
from worker.metrics.series import Series
from worker.opening import Locations
from worker.outbox.entries import DeliveryOutcome, NewEntry, Settled
from worker.outbox.ledger import Note, tally_of
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.state.store import Commit, Erasable
from worker.state.view import StateView
from worker.stream.position import Position
from worker.testing.moto_server import REGION, embedded_aws
from worker.testing.traffic import shard_id

SOURCE, KEYED = "arn:calls, created 2026", "arn:keyed, created 2026"
LAYOUT = Layout(source=SOURCE, keyed=KEYED, buckets=3)
SHARDS = [shard_id(n) for n in range(3)]
Place = Callable[[str], str]
ENTRY = NewEntry("metrics", b"request", 5)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with embedded_aws() as endpoint:
        yield Aws(endpoint, "calls", shards=1)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Locations, str]:
    """A folder, or a bucket of its own, and who opens locations there."""
    if request.param == "folder":
        return Locations(REGION, None), str(tmp_path)
    aws: Aws = request.getfixturevalue("aws")
    bucket = f"b{abs(hash(request.node.name))}"
    aws.client("s3").create_bucket(Bucket=bucket)
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
    return Locations(REGION, aws.endpoint, session), f"s3://{bucket}"


@pytest.fixture
def locations(where: tuple[Locations, str]) -> Locations:
    return where[0]


@pytest.fixture
def place(where: tuple[Locations, str]) -> Place:
    """The location of that name."""
    return lambda name: f"{where[1]}/{name}"


def store_at(locations: Locations, location: str) -> Erasable:
    return locations.store(location, lambda _: None, lambda _: None, lambda: 0.5)


def worked(locations: Locations, location: str, *, waits: bool = False) -> None:
    """A worker has read calls into a state, and ended with an empty outbox unless it ``waits``."""
    with closing(store_at(locations, location)) as store:
        partition = Partition(Rules(), store.acquire(SOURCE))
        for batch in batches(7):
            partition.fold(decode_all(batch))
            for record in batch:
                at = Position("after", record.sequence_number, record.arrival)
                partition.move(record.shard, at)
            for shard in SHARDS:
                partition.tip(shard, batch[-1].arrival)
            partition.advance(SHARDS)
            delta, outputs = partition.commit()
            store.append(Commit(delta, [ENTRY], list(outputs.evicted.values()), None))
        for entry in [] if waits else store.claim("metrics", 1000):
            series = Series("Turns", ())
            note = Note(entry.id, "metrics", 1, 2, ((series, 60_000 * entry.id, 3),))
            store.settle([Settled(entry.id, DeliveryOutcome.APPLIED, (), note)])


def state_in(views: list[StateView]) -> dict[str, Any]:
    """What the states at some views hold together, but for the numbers of sessions and notes."""
    states = []
    for view in views:
        whole = view.contents().whole
        resident = {change.state.key for change in whole.sessions}
        found = view.find_sessions(None)
        evicted = [one for one in found if one.state.key not in resident]
        states.append(WholeState(whole, evicted, view.notes()))
    whole, evicted, notes = join_states(states)
    return {
        "sessions": {repr(one.state): one.log for one in whole.sessions},
        "evicted": sorted(map(repr, evicted)),
        "ledger": tally_of(notes),
        "positions": whole.positions,
        "clocks": whole.clocks,
        "counters": +Counter(whole.counters),
        "stream_time": whole.stream_time,
        "series": set(whole.series),
    }


def test_there_and_back_the_states_hold_the_same(place: Place, locations: Locations) -> None:
    single, fleet, again = map(place, ("single", "fleet", "again"))
    worked(locations, single)
    before = state_in([locations.view(single)])
    assert all(before[name] for name in ("sessions", "evicted", "ledger"))
    fleet_from(locations, single, fleet, LAYOUT)
    start = min(at.seen_to for at in before["positions"].values()) - 60_000
    assert read_layout(locations, fleet) == replace(LAYOUT, start=start - start % 1000)
    views = bucket_views(locations, fleet)
    assert len(views) == 3
    assert state_in(views) == before
    single_from(locations, fleet, again)
    assert state_in([locations.view(again)]) == before
    assert locations.view(again).taken().stream == SOURCE


def test_nobody_goes_on_with_what_was_moved(place: Place, locations: Locations) -> None:
    single, fleet, again = map(place, ("single", "fleet", "again"))
    worked(locations, single)
    fleet_from(locations, single, fleet, LAYOUT)
    with (
        closing(store_at(locations, single)) as store,
        pytest.raises(StreamReplaced, match="moved to the fleet at"),
    ):
        store.acquire(SOURCE)
    single_from(locations, fleet, again)
    for bucket in range(3):
        with (
            closing(store_at(locations, LAYOUT.location(fleet, bucket))) as store,
            pytest.raises(StreamReplaced, match="the fleet was moved to"),
        ):
            store.acquire(LAYOUT.identity(bucket))


def test_a_worker_that_still_runs_is_fenced(place: Place, locations: Locations) -> None:
    single = place("single")
    worked(locations, single)
    with closing(store_at(locations, single)) as running:
        running.acquire(SOURCE)
        fleet_from(locations, single, place("fleet"), LAYOUT)
        with pytest.raises(Fenced):
            running.append(Commit(Partition(Rules()).commit()[0], [], [], None))


def test_requests_that_wait_keep_a_state_where_it_is(place: Place, locations: Locations) -> None:
    single = place("single")
    worked(locations, single, waits=True)
    with pytest.raises(BadInput, match="requests wait in the outbox"):
        fleet_from(locations, single, place("fleet"), LAYOUT)
    assert read_layout(locations, place("fleet")) is None
    with closing(store_at(locations, single)) as store:
        assert store.acquire(SOURCE).positions


def test_a_state_of_another_stream_is_not_moved(place: Place, locations: Locations) -> None:
    single = place("single")
    worked(locations, single)
    other = Layout(source="arn:others", keyed=KEYED, buckets=3)
    with pytest.raises(StreamReplaced):
        fleet_from(locations, single, place("fleet"), other)


def test_what_an_interrupted_attempt_has_left_is_named_and_it_can_be_repeated(
    place: Place, locations: Locations
) -> None:
    single, fleet = place("single"), place("fleet")
    worked(locations, single)
    before = state_in([locations.view(single)])
    locations.make_folder(fleet)
    with closing(store_at(locations, LAYOUT.location(fleet, 2))) as store:
        store.acquire(LAYOUT.identity(2))
    with pytest.raises(Misconfigured, match="was interrupted, remove everything"):
        fleet_from(locations, single, fleet, LAYOUT)
    fleet = place("another")
    fleet_from(locations, single, fleet, LAYOUT)
    # its last step but one had been made: the state was handed over to this very place
    elsewhere = place("elsewhere")
    with pytest.raises(StreamReplaced):
        fleet_from(locations, single, elsewhere, LAYOUT)
    with closing(store_at(locations, single)) as store:
        store.acquire(locations.view(single).taken().stream)
        store.hand_over(f"nothing any more, since it was moved to the fleet at {elsewhere}")
    fleet_from(locations, single, elsewhere, LAYOUT)
    assert state_in(bucket_views(locations, elsewhere)) == before


def test_no_state_moves_where_there_is_none(place: Place, locations: Locations) -> None:
    single, fleet = place("single"), place("fleet")
    with pytest.raises(BadInput, match="there is no state at"):
        fleet_from(locations, single, fleet, LAYOUT)
    assert not locations.has_state(single)
    assert read_layout(locations, fleet) is None


def test_no_state_moves_into_a_fleet_that_is_there(place: Place, locations: Locations) -> None:
    single, fleet = place("single"), place("fleet")
    worked(locations, single)
    create_layout(locations, fleet, LAYOUT)
    with pytest.raises(Misconfigured, match="there is a fleet at"):
        fleet_from(locations, single, fleet, LAYOUT)
    assert not any(locations.has_state(LAYOUT.location(fleet, bucket)) for bucket in range(3))
    with closing(store_at(locations, single)) as store:
        assert store.acquire(SOURCE).positions


def test_a_move_that_is_repeated_after_its_success_does_not_ask_to_remove_anything(
    place: Place, locations: Locations
) -> None:
    single, fleet = place("single"), place("fleet")
    worked(locations, single)
    fleet_from(locations, single, fleet, LAYOUT)
    with pytest.raises(Misconfigured) as refused:
        fleet_from(locations, single, fleet, LAYOUT)
    assert "remove" not in str(refused.value)


def test_only_what_an_interrupted_way_back_has_left_is_to_be_removed(
    place: Place, locations: Locations
) -> None:
    single, fleet, again = map(place, ("single", "fleet", "again"))
    worked(locations, single)
    fleet_from(locations, single, fleet, LAYOUT)
    with closing(store_at(locations, again)) as store:
        store.acquire(f"a move from the fleet at {fleet} that was interrupted")
    with pytest.raises(Misconfigured, match="remove it, and no more"):
        single_from(locations, fleet, again)
    for full in (single, again):
        with closing(store_at(locations, full)) as store:
            store.acquire(locations.view(full).taken().stream)
            store.hand_over(SOURCE)
        with pytest.raises(Misconfigured, match="already: name another place") as refused:
            single_from(locations, fleet, full)
        assert "remove" not in str(refused.value)


def test_a_fleet_that_has_not_read_to_one_place_stays_a_fleet(
    place: Place, locations: Locations
) -> None:
    single, fleet = place("single"), place("fleet")
    worked(locations, single)
    fleet_from(locations, single, fleet, LAYOUT)
    with closing(store_at(locations, LAYOUT.location(fleet, 1))) as store:
        partition = Partition(Rules(), store.acquire(LAYOUT.identity(1)))
        partition.move(SHARDS[0], Position("after", "9" * 56, 10**13))
        store.append(Commit(partition.commit()[0], [], [], None))
    with pytest.raises(BadInput, match="without its routers"):
        single_from(locations, fleet, place("again"))
    with closing(store_at(locations, LAYOUT.location(fleet, 0))) as store:
        assert store.acquire(LAYOUT.identity(0)).positions


def test_a_layout_is_written_once(place: Place, locations: Locations) -> None:
    fleet = place("fleet")
    assert create_layout(locations, fleet, LAYOUT)
    later = Layout(source=SOURCE, keyed=KEYED, buckets=3, start=77)
    assert not create_layout(locations, fleet, later)
    assert read_layout(locations, fleet) == LAYOUT
    with pytest.raises(Misconfigured, match="another fleet"):
        create_layout(locations, fleet, Layout(source=SOURCE, keyed=KEYED, buckets=4))


def test_a_session_is_looked_for_in_its_bucket_only(place: Place, locations: Locations) -> None:
    single, fleet = place("single"), place("fleet")
    worked(locations, single)
    fleet_from(locations, single, fleet, LAYOUT)
    for one in locations.view(place("fleet/bucket-00")).find_sessions(None)[:2]:
        sid = one.state.key.session_id
        (view,) = bucket_views(locations, fleet, sid)
        assert [found.state.key for found in view.find_sessions(sid)] == [one.state.key]
    assert len(bucket_views(locations, fleet, "CA1")) == 3
