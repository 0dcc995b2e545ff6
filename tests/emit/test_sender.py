"""The sender: nothing is lost, nothing counts twice but by what is counted, and it ends."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from worker.emit.cloudwatch import CloudWatchSink
from worker.emit.files import LineSink
from worker.emit.outbox import Draft, Entry, Kind, Outcome, decode_groups, drafts
from worker.emit.sender import Sender, Sink
from worker.errors import Fenced
from worker.events.timestamps import parse_ms
from worker.metrics.series import Series
from worker.partition.delta import Delta
from worker.partition.outputs import Outputs, Window
from worker.state.sqlite import SqliteStore
from worker.state.store import Backlog, Commit
from worker.testing.strict_cloudwatch import Fault, Key, StrictCloudWatch, random_faults

NOON: Final = 1_790_942_400_000
MINUTE: Final = 60_000
LONG_S: Final = 60.0
STREAM: Final = "calls"

Kept = dict[Key, dict[float, int]]


class Log:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Entry, Outcome, str]] = []

    def sent(self, entry: Entry, outcome: Outcome, error: str) -> None:
        self.attempts.append((entry, outcome, error))

    def outcomes(self) -> list[Outcome]:
        return [outcome for _, outcome, _ in self.attempts]


class Failing:
    """A sink that does the same each time."""

    def __init__(self, does: Callable[[], tuple[Outcome, str]]) -> None:
        self._does = does

    def send(self, body: bytes) -> tuple[Outcome, str]:
        return self._does()


def away() -> tuple[Outcome, str]:
    return Outcome.NOT_APPLIED, "EndpointConnectionError"


@contextmanager
def store_at(path: Path, *made: Draft) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as store:
        store.take(STREAM)
        store.append(Commit(Delta(), list(made), [], None))
        yield store


@contextmanager
def store_with(*made: Draft) -> Iterator[SqliteStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        store_at(Path(folder) / "state.sqlite", *made) as store,
    ):
        yield store


def sender_of(store: SqliteStore, sink: Sink, log: Log | None = None) -> Sender:
    return Sender(store, {"metrics": sink}, log or Log(), lambda: 0.0)


def metrics(window: Window) -> list[Draft]:
    return drafts(Outputs(window=window))


def tokens(**values: int) -> Window:
    return {(Series("Tokens", (("Voice", voice),)), NOON): {n: 2} for voice, n in values.items()}


def samples(body: bytes) -> Kept:
    found: Kept = {}
    for group in decode_groups(body):
        for datum in group:
            dimensions = tuple((one["Name"], one["Value"]) for one in datum["Dimensions"])
            minute = parse_ms(datum["Timestamp"])
            assert minute is not None
            kept = found.setdefault((datum["MetricName"], dimensions, minute), {})
            kept.update(zip(datum["Values"], datum["Counts"], strict=True))
    return found


def running_senders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sender"]


# --- one round after the other

windows = st.dictionaries(
    st.tuples(
        st.builds(lambda voice: Series("Tokens", (("Voice", voice),)), st.sampled_from("abc")),
        st.sampled_from([NOON, NOON + MINUTE]),
    ),
    st.dictionaries(st.integers(0, 200), st.integers(1, 5), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@settings(max_examples=12)
@given(st.lists(windows, min_size=1, max_size=6), st.integers(0, 10**6), st.floats(0, 0.8))
def test_each_minute_is_exact_or_above_by_no_more_than_its_unknown_attempts(
    made: list[Window], seed: int, rate: float
) -> None:
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    with store_with(*(one for window in made for one in metrics(window))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"), log)
        while sender.send_some():
            pass
        assert store.backlog() == Backlog(0, 0)
    exact: dict[Key, Counter[float]] = {}
    above: dict[Key, Counter[float]] = {}
    ambiguous = Counter(entry.id for entry, out, _ in log.attempts if out is Outcome.AMBIGUOUS)
    bodies = {entry.id: entry.body for entry, _, _ in log.attempts}
    for id_, body in bodies.items():
        for key, values in samples(body).items():
            for value, count in values.items():
                exact.setdefault(key, Counter())[value] += count
                above.setdefault(key, Counter())[value] += count * ambiguous[id_]
    assert set(api.kept) == set(exact)
    for key, kept in api.kept.items():
        assert exact[key] <= Counter(kept) <= exact[key] + above[key]


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0, 0.8))
def test_an_entry_counts_twice_as_a_whole_or_not_at_all(seed: int, rate: float) -> None:
    window: Window = {(Series("Tokens", ()), NOON): {n: 1 + n % 3 for n in range(200)}}
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    with store_with(*metrics(window)) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        while sender.send_some():
            pass
    ((_, kept),) = api.kept.items()
    applied = 1 + sum(
        fault in (Fault.SERVER_ERROR_AFTER, Fault.READ_TIMEOUT_AFTER) for fault in api.calls
    )
    assert kept == {n: applied * (1 + n % 3) for n in range(200)}


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.floats(0, 0.8))
def test_the_store_counts_attempts_and_those_that_nobody_knows_about(
    seed: int, rate: float
) -> None:
    api = StrictCloudWatch(lambda: NOON, random_faults(Random(seed), rate))
    log = Log()
    attempts: Counter[int] = Counter()
    ambiguous: Counter[int] = Counter()
    with store_with(*metrics(tokens(a=1)), *metrics(tokens(b=2))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"), log)
        while sender.send_some():
            left = {entry.id for entry, _, _ in log.attempts} - {
                entry.id for entry, out, _ in log.attempts if out is Outcome.APPLIED
            }
            unknown = Counter(
                entry.id for entry, out, _ in log.attempts if out is Outcome.AMBIGUOUS
            )
            assert store.backlog() == Backlog(len(left), sum(unknown[id_] for id_ in left))
    for entry, outcome, _ in log.attempts:
        assert (entry.attempts, entry.ambiguous) == (attempts[entry.id], ambiguous[entry.id])
        attempts[entry.id] += 1
        ambiguous[entry.id] += outcome is Outcome.AMBIGUOUS


def test_what_was_not_applied_is_tried_until_it_is_and_leaves_no_doubt() -> None:
    faults = [Fault.THROTTLED, Fault.CONNECT_TIMEOUT] * 20
    api = StrictCloudWatch(lambda: NOON, faults)
    log = Log()
    with store_with(*metrics(tokens(a=7))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"), log)
        while sender.send_some():
            pass
    assert log.outcomes() == [Outcome.NOT_APPLIED] * 40 + [Outcome.APPLIED]
    assert [entry.ambiguous for entry, _, _ in log.attempts] == [0] * 41
    assert list(api.kept.values()) == [{7: 2}]


def test_a_minute_that_cloudwatch_refuses_is_buried_and_every_other_one_arrives(
    tmp_path: Path,
) -> None:
    window = tokens(a=1, b=2, c=3, d=4, e=5)
    too_old = Series("Tokens", (("Voice", "old"),))
    window[too_old, NOON - 15 * 86_400_000] = {9: 1}
    api = StrictCloudWatch(lambda: NOON)
    dead = LineSink(str(tmp_path / "dead.jsonl"))
    with store_with(*metrics(window)) as store:
        sinks: dict[Kind, Sink] = {"metrics": CloudWatchSink(api, "Ns"), "dead_letters": dead}
        sender = Sender(store, sinks, Log(), lambda: 0.0)
        while sender.send_some():
            pass
    dead.close()
    (line,) = (tmp_path / "dead.jsonl").read_bytes().splitlines()
    assert [datum["Values"] for datum in json.loads(line)["datums"]] == [[9]]
    assert sorted(api.kept.values(), key=repr) == [{n: 2} for n in range(1, 6)]


def test_a_crash_between_sending_and_settling_counts_as_unknown(tmp_path: Path) -> None:
    api = StrictCloudWatch(lambda: NOON)
    sink = CloudWatchSink(api, "Ns")
    log = Log()
    with store_at(tmp_path / "state.sqlite", *metrics(tokens(a=7))) as store:
        (entry,) = store.claim(1)
        assert sink.send(entry.body) == (Outcome.APPLIED, "")
    with store_at(tmp_path / "state.sqlite") as store:
        sender = sender_of(store, sink, log)
        while sender.send_some():
            pass
    ((again, outcome, _),) = log.attempts
    assert (again.attempts, again.ambiguous, outcome) == (1, 1, Outcome.APPLIED)
    assert list(api.kept.values()) == [{7: 2 * (1 + again.ambiguous)}]


def test_pauses_grow_with_full_jitter_while_nothing_goes_through_and_end_with_a_success() -> None:
    draws = iter([0.0, 1.0, 0.5])
    results = iter([away()] * 12 + [(Outcome.APPLIED, "")])
    with store_with(*metrics(tokens(a=1))) as store:
        sink = Failing(lambda: next(results))
        sender = Sender(store, {"metrics": sink}, Log(), lambda: next(draws, 1.0))
        assert sender.pause_s() == 0
        sender.send_some()
        assert [sender.pause_s() for _ in range(3)] == [0.0, 0.4, 0.2]
        longest = []
        for _ in range(11):
            sender.send_some()
            longest.append(sender.pause_s())
        assert longest[:3] == [0.8, 1.6, 3.2]
        assert longest == sorted(longest)
        assert longest[-1] == 30.0
        sender.send_some()
        assert sender.pause_s() == 0


# --- in its thread


def test_to_stop_is_to_send_what_is_left() -> None:
    api = StrictCloudWatch(lambda: NOON, [Fault.THROTTLED, Fault.READ_TIMEOUT])
    with store_with(*(one for n in range(9) for one in metrics(tokens(a=n)))) as store:
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        sender.start()
        assert sender.stop(LONG_S)
        assert store.backlog() == Backlog(0, 0)
    assert list(api.kept.values()) == [dict.fromkeys(range(9), 2)]
    assert running_senders() == []


def test_what_comes_while_it_idles_is_sent_when_it_is_woken() -> None:
    sent = threading.Event()

    class Told(Log):
        def sent(self, entry: Entry, outcome: Outcome, error: str) -> None:
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
        sender = Sender(store, {"metrics": Failing(away)}, log, lambda: 1.0)
        sender.start()
        assert not sender.stop(0.05)
        for thread in running_senders():
            thread.join(LONG_S)
        assert running_senders() == []
        assert sender.error is None
        assert store.backlog() == Backlog(2, 0)
    assert set(log.outcomes()) <= {Outcome.NOT_APPLIED}


def test_it_stops_in_time_while_an_attempt_hangs() -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang() -> tuple[Outcome, str]:
        hanging.set()
        released.wait(LONG_S)
        return Outcome.AMBIGUOUS, "ReadTimeoutError"

    with store_with(*metrics(tokens(a=1))) as store:
        sender = sender_of(store, Failing(hang))
        sender.start()
        assert hanging.wait(LONG_S)
        assert not sender.stop(0.01)
        released.set()
        for thread in running_senders():
            thread.join(LONG_S)
        assert store.backlog() == Backlog(1, 1)


class Broken(Exception):
    pass


def test_an_exception_in_a_sink_ends_it_and_is_told() -> None:
    def raising() -> tuple[Outcome, str]:
        raise Broken

    with store_with(*metrics(tokens(a=1))) as store:
        sender = sender_of(store, Failing(raising))
        sender.start()
        assert not sender.stop(LONG_S)
        assert isinstance(sender.error, Broken)
        store.take(STREAM)
        assert store.backlog() == Backlog(1, 1)


def test_an_owner_that_was_fenced_sends_nothing_and_says_so(tmp_path: Path) -> None:
    api = StrictCloudWatch(lambda: NOON)
    path = tmp_path / "state.sqlite"
    with store_at(path, *metrics(tokens(a=1))) as store, store_at(path):
        sender = sender_of(store, CloudWatchSink(api, "Ns"))
        sender.start()
        assert not sender.stop(LONG_S)
    assert isinstance(sender.error, Fenced)
    assert api.calls == []
