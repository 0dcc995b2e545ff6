"""The sender: lanes in threads, which send what is left and end in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.outbox.outboxes import (
    EMPTY,
    NOON,
    STREAM,
    Failing,
    Log,
    away,
    lane_of,
    metrics,
    store_at,
    store_with,
    tokens,
)
from worker.destinations.cloudwatch.requests import DATUMS
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.errors import Fenced
from worker.outbox.destination import Destination, Sink
from worker.outbox.entries import DeliveryOutcome, Entry, NewEntry
from worker.outbox.lane import CLAIM, Lane
from worker.outbox.sender import LanePools, Sender
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Commit
from worker.testing.strict_cloudwatch import CloudWatchFault, StrictCloudWatch

LONG_S: Final = 60.0


class Hanging:
    """A sink whose first attempt ends when it is let go, and nobody knows how."""

    def __init__(self) -> None:
        self.begun, self._released = threading.Event(), threading.Event()

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        self.begun.set()
        self._released.wait(LONG_S)
        return DeliveryOutcome.AMBIGUOUS, "ReadTimeoutError"

    def let_go(self) -> None:
        self._released.set()
        for thread in running_senders():
            thread.join(LONG_S)


class Unending(Lane):
    """A lane with something to send until its rounds are down to a single attempt."""

    def __init__(self, store: SqliteStore) -> None:
        super().__init__("metrics", store, Destination(DATUMS, Hanging()), Log(), lambda: 0.0)
        self.allowed: list[int] = []
        self.begun = threading.Event()

    def send_some(self, most: Callable[[], int] = lambda: CLAIM) -> bool:
        self.allowed.append(most())
        self.begun.set()
        return self.allowed[-1] > 1

    def pause_s(self) -> float:
        return 0.001


def sender_of(store: SqliteStore, sink: Sink, log: Log | None = None) -> Sender:
    return Sender([lane_of(store, sink, log)])


def running_senders() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("sender")]


def test_to_stop_is_to_send_what_is_left() -> None:
    api = StrictCloudWatch(lambda: NOON, [CloudWatchFault.THROTTLED, CloudWatchFault.READ_TIMEOUT])
    with store_with(*(one for n in range(9) for one in metrics(tokens(a=n)))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        sender.start()
        assert sender.stop(LONG_S)
        assert store.backlog() == EMPTY
    assert list(api.kept.values()) == [dict.fromkeys(range(9), 2)]
    for thread in running_senders():
        thread.join(LONG_S)
    assert running_senders() == []


def test_only_a_lane_that_is_to_stop_makes_its_attempts_one_by_one() -> None:
    with store_with() as store:
        lane = Unending(store)
        sender = Sender([lane])
        sender.start()
        assert lane.begun.wait(LONG_S)
        assert lane.allowed[0] == CLAIM
        sender.stop(LONG_S)
    assert set(lane.allowed[:-1]) == {CLAIM}
    assert lane.allowed[-1] == 1


def test_to_stop_what_was_never_started_sends_nothing_then_or_later() -> None:
    api = StrictCloudWatch(lambda: NOON)
    with store_with(*metrics(tokens(a=1))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        assert not sender.stop(0.0)
        sender.start()
        assert sender.stop(LONG_S)
        assert store.backlog().entries == 1
    assert api.kept == {}


def test_what_comes_while_it_idles_is_sent_when_it_is_woken() -> None:
    sent = threading.Event()

    class Told(Log):
        def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
            super().sent(entry, outcome, error)
            sent.set()

    api = StrictCloudWatch(lambda: NOON)
    with store_with() as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"), Told())
        sender.start()
        store.append(Commit(Delta(), metrics(tokens(a=3)), [], None))
        sender.wake()
        assert sent.wait(LONG_S)
        assert sender.stop(LONG_S)
    assert list(api.kept.values()) == [{3: 2}]


def test_it_stops_in_time_while_cloudwatch_is_away_and_keeps_what_it_could_not_send() -> None:
    log = Log()
    with store_with(*metrics(tokens(a=1)), *metrics(tokens(b=2))) as store:
        sender = Sender([lane_of(store, Failing(away), log, random=lambda: 1.0)])
        sender.start()
        assert not sender.stop(0.05)
        for thread in running_senders():
            thread.join(LONG_S)
        assert running_senders() == []
        assert sender.error is None
        assert store.backlog()[::2] == (2, 0)
    assert set(log.outcomes()) <= {DeliveryOutcome.NOT_APPLIED}


def test_it_stops_in_time_while_an_attempt_hangs() -> None:
    sink = Hanging()
    with store_with(*metrics(tokens(a=1))) as store:
        sender = sender_of(store, sink)
        sender.start()
        assert sink.begun.wait(LONG_S)
        assert not sender.stop(0.01)
        sink.let_go()
        assert store.backlog()[::2] == (1, 1)


def test_what_it_has_not_begun_when_it_is_stopped_is_not_in_doubt() -> None:
    sink = Hanging()
    log = Log()
    with store_with(*(one for n in range(4) for one in metrics(tokens(a=n)))) as store:
        sender = sender_of(store, sink, log)
        sender.start()
        assert sink.begun.wait(LONG_S)
        assert not sender.stop(0.01)
        sink.let_go()
        assert len(log.attempts) == 1
        store.acquire(STREAM)
        assert store.backlog()[::2] == (4, 1)


def test_many_outboxes_share_a_thread_for_each_kind_and_all_is_sent() -> None:
    api = StrictCloudWatch(lambda: NOON)
    threads: set[int] = set()

    class Noting(CloudWatchSink):
        def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
            threads.add(threading.get_ident())
            return super().send(body)

    pools = LanePools(1)
    with ExitStack() as stack:
        stores = [stack.enter_context(store_with(*metrics(tokens(a=n)))) for n in range(9)]
        senders = [Sender([lane_of(store, Noting(api, "Ns"))], pools.of) for store in stores]
        for sender in senders:
            sender.start()
        assert all(sender.stop(LONG_S) for sender in senders)
        assert [store.backlog() for store in stores] == [EMPTY] * 9
    assert list(api.kept.values()) == [dict.fromkeys(range(9), 2)]
    assert len(threads) == 1


def test_a_sink_that_is_away_holds_up_no_other_kind_of_entry() -> None:
    letter = NewEntry("dead_letters", b"{}\n", NOON)
    arrived = threading.Event()

    def arrive() -> tuple[DeliveryOutcome, str]:
        arrived.set()
        return DeliveryOutcome.APPLIED, ""

    hanging = threading.Event()

    def hang() -> tuple[DeliveryOutcome, str]:
        hanging.wait(LONG_S)
        return away()

    with store_with(*metrics(tokens(a=1)), letter) as store:
        sender = Sender(
            [
                lane_of(store, Failing(hang)),
                lane_of(store, Failing(arrive), kind="dead_letters"),
            ]
        )
        sender.start()
        assert arrived.wait(LONG_S)
        hanging.set()
        sender.stop(0.01)
        for thread in running_senders():
            thread.join(LONG_S)
        assert store.backlog().entries == 1


class Broken(Exception):
    pass


def test_an_exception_in_a_sink_ends_it_and_is_kept() -> None:
    def raising() -> tuple[DeliveryOutcome, str]:
        raise Broken

    with store_with(*metrics(tokens(a=1))) as store:
        sender = sender_of(store, Failing(raising))
        sender.start()
        assert not sender.stop(LONG_S)
        assert isinstance(sender.error, Broken)
        store.acquire(STREAM)
        assert store.backlog()[::2] == (1, 1)


def test_an_owner_that_was_fenced_sends_nothing_and_says_so(tmp_path: Path) -> None:
    api = StrictCloudWatch(lambda: NOON)
    path = tmp_path / "state.sqlite"
    with store_at(path, *metrics(tokens(a=1))) as store, store_at(path):
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        sender.start()
        assert not sender.stop(LONG_S)
    assert isinstance(sender.error, Fenced)
    assert api.calls == []
