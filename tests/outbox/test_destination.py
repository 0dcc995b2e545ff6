"""A destination is added from outside: the outbox carries samples to a store it has never heard of.

The toy takes exact distributions, three series' minutes a request, none older than an hour; it
refuses requests with a metric that it doesn't like, and its answers get lost.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outbox.outboxes import FORMATS, MINUTE, NOON, Log, emptied, store_at, tokens
from tests.servicing import Lines, Worker, scene
from worker.destinations.cloudwatch.requests import DATUMS
from worker.destinations.cloudwatch.sink import CloudWatchSink
from worker.metrics.series import Series
from worker.outbox.destination import Destination, OnAmbiguous, Replacement
from worker.outbox.entries import DeliveryOutcome, EntryKind
from worker.outbox.lane import Lane
from worker.outbox.ledger import SampleCounts, tally_of
from worker.outbox.sender import Sender
from worker.partition.commit_outputs import Outputs, SeriesMinute, Window
from worker.partition.dead_letters import SamplesLetter, decode_letter, samples_letter
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import notes_since, waiting_notes
from worker.state.store import Commit
from worker.testing.strict_cloudwatch import StrictCloudWatch

AT_ONCE: Final = 3
HOUR: Final = 60 * MINUTE
BAD: Final = "Words"


class Point(NamedTuple):
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    minute: int
    distribution: dict[int, int]

    @property
    def key(self) -> SeriesMinute:
        return Series(self.metric, self.dimensions), self.minute


class ToyFormat:
    """Exact distributions as msgpack, latest minute first."""

    def requests(self, outputs: Outputs) -> Iterator[bytes]:
        points = [Point(*series, minute, d) for (series, minute), d in outputs.window.items()]
        points.sort(key=lambda point: (-point.minute, point.key))
        return (self._body(points[n : n + AT_ONCE]) for n in range(0, len(points), AT_ONCE))

    def split(self, body: bytes) -> Replacement:
        first, *rest = self.points(body)
        if not rest:
            return self._without([first], "the toy doesn't like it")
        return Replacement((self._body([first]), self._body(rest)))

    def too_old(self, body: bytes) -> Replacement:
        return self._without(self.points(body), "too old for the toy")

    def counts(self, body: bytes) -> SampleCounts:
        return _counts(self.points(body))

    def points(self, body: bytes) -> list[Point]:
        return msgspec.msgpack.decode(body, type=list[Point])

    def _body(self, points: Iterable[Point]) -> bytes:
        return msgspec.msgpack.encode(list(points))

    def _without(self, gone: list[Point], reason: str) -> Replacement:
        return Replacement((), samples_letter(reason, gone[0].minute, gone), _counts(gone))


def _counts(points: Iterable[Point]) -> SampleCounts:
    return tuple((*point.key, sum(point.distribution.values())) for point in points)


class ToyStore:
    """A strict one. Of its answers a share (0 to 1) gets lost, before or after it has acted."""

    def __init__(self, random: Random | None = None, lost: float = 0.0) -> None:
        self.kept: dict[SeriesMinute, Counter[int]] = {}
        self._random = random or Random(0)
        self._lost = lost

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        points = ToyFormat().points(body)
        assert 0 < len(points) <= AT_ONCE
        lost = self._random.random() < self._lost
        if lost and self._random.random() < 0.5:
            return DeliveryOutcome.AMBIGUOUS, "lost"
        old = [point.minute < NOON - HOUR for point in points]
        if all(old):
            return DeliveryOutcome.TOO_OLD, "too old"
        if any(old) or any(point.metric == BAD for point in points):
            return DeliveryOutcome.INVALID, "bad metric"
        for point in points:
            self.kept.setdefault(point.key, Counter()).update(point.distribution)
        return (DeliveryOutcome.AMBIGUOUS, "lost") if lost else (DeliveryOutcome.APPLIED, "")


def sender_to(store: SqliteStore, log: Log, ways: dict[EntryKind, Destination]) -> Sender:
    return Sender(Lane(kind, store, to, log, lambda: 0.0) for kind, to in ways.items())


def committed(store: SqliteStore, sender: Sender, window: Window) -> None:
    store.append(Commit(Delta(), sender.new_entries(Outputs(window=window), NOON), [], None))


def buried_in(sink: Lines) -> Iterator[Point]:
    for line in sink.lines:
        letter = decode_letter(msgspec.json.encode(line))
        assert isinstance(letter, SamplesLetter)
        yield from msgspec.convert(letter.datums, list[Point], strict=False)


series = st.builds(
    lambda metric, voice: Series(metric, (("Voice", voice),)),
    st.sampled_from(["Tokens", "Tokens", "TurnLatency", BAD]),
    st.sampled_from("abcdef"),
)
minutes = st.sampled_from([NOON, NOON - MINUTE, NOON - HOUR, NOON - HOUR - MINUTE, NOON - 9 * HOUR])
distributions = st.dictionaries(st.integers(0, 10**6), st.integers(1, 9), min_size=1, max_size=400)
windows = st.dictionaries(st.tuples(series, minutes), distributions, max_size=12)


def test_it_gets_every_sample_once_and_exactly_however_many_values_a_minute_has(
    tmp_path: Path,
) -> None:
    window: Window = {
        (Series("Tokens", (("Voice", f"{n}"),)), NOON): {n + v: 1 + v % 3 for v in range(1000)}
        for n in range(2 * AT_ONCE + 1)
    }
    toy, log = ToyStore(), Log()
    with store_at(tmp_path / "state.sqlite") as store:
        sender = sender_to(store, log, {"toy": Destination(ToyFormat(), toy)})
        committed(store, sender, window)
        emptied(*sender.lanes)
        assert store.backlog().entries == 0
    assert toy.kept == window
    assert len(log.attempts) == 3
    assert {note.kind for note in log.notes} == {"toy"}


@settings(max_examples=25, deadline=None)
@given(windows, st.integers(0, 10**6), st.floats(0, 0.7), st.sampled_from(["resend", "drop"]))
def test_its_splits_expiry_and_lost_answers_are_accounted_for_in_ledger_and_dead_letters(
    window: Window, seed: int, lost: float, on_ambiguous: OnAmbiguous
) -> None:
    toy, dead = ToyStore(Random(seed), lost), Lines()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        with store_at(path) as store:
            ways = {
                "toy": Destination(ToyFormat(), toy, on_ambiguous),
                "dead_letters": Destination(FORMATS["dead_letters"], dead),
            }
            sender = sender_to(store, Log(), ways)
            committed(store, sender, window)
            emptied(*sender.lanes)
            assert store.backlog().entries == 0
        tally = tally_of(notes_since(path, 0))
    buried = Counter(point.key for point in buried_in(dead))
    for key, distribution in window.items():
        kept, samples = toy.kept.get(key, Counter()), sum(distribution.values())
        least, most = tally.get(key, (0, 0))
        assert least <= kept.total() <= most
        assert kept == Counter({v: n * (kept.total() // samples) for v, n in distribution.items()})
        if key[1] < NOON - HOUR or key[0].metric == BAD:
            assert (kept.total(), least) == (0, 0)
            assert buried[key] == 1 or on_ambiguous == "drop"
        else:
            assert buried[key] == 0
            assert least == samples or on_ambiguous == "drop"


def test_beside_cloudwatch_each_gets_each_sample_once_under_notes_of_its_own(
    tmp_path: Path,
) -> None:
    window = tokens(a=1, b=2, c=3, d=4)
    toy, log, api = ToyStore(), Log(), StrictCloudWatch(lambda: NOON)
    with store_at(tmp_path / "state.sqlite") as store:
        ways = {
            "metrics": Destination(DATUMS, CloudWatchSink(api, "Ns")),
            "toy": Destination(ToyFormat(), toy),
        }
        sender = sender_to(store, log, ways)
        committed(store, sender, window)
        formats = {kind: to.format for kind, to in ways.items()}
        waiting = waiting_notes(tmp_path / "state.sqlite", formats)
        emptied(*sender.lanes)
        ended = notes_since(tmp_path / "state.sqlite", 0)
    assert toy.kept == window
    assert {(Series(*key[:2]), key[2]): kept for key, kept in api.kept.items()} == window
    for kind in ways:
        waited, sent = (
            tally_of(note for note in notes if note.kind == kind) for notes in (waiting, ended)
        )
        assert waited == dict.fromkeys(window, (0, 0))
        assert sent == dict.fromkeys(window, (2, 2))


def test_one_that_is_away_holds_up_no_other(tmp_path: Path) -> None:
    class Away:
        def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
            return DeliveryOutcome.NOT_APPLIED, f"{len(body)} bytes not taken"

    toy = ToyStore()
    with store_at(tmp_path / "state.sqlite") as store:
        ways = {
            "metrics": Destination(DATUMS, Away()),
            "toy": Destination(ToyFormat(), toy),
        }
        sender = sender_to(store, Log(), ways)
        committed(store, sender, tokens(a=1))
        for lane in sender.lanes:
            lane.send_some()
        assert store.backlog().entries == 1
    assert toy.kept == tokens(a=1)


def test_a_service_drafts_for_it_what_it_drafts_for_the_others() -> None:
    toy = ToyStore()
    worker = Worker(more={"toy": Destination(ToyFormat(), toy)})
    worker.turn_and_commit(worker.batch("a", 0, *scene()))
    worker.turn_and_commit(worker.batch("a", HOUR))
    made = [draft for commit in worker.store.commits for draft in commit.new_entries]
    ours, theirs = (
        sorted(one for draft in made if draft.kind == kind for one in of.counts(draft.body))
        for kind, of in (("toy", ToyFormat()), ("metrics", DATUMS))
    )
    assert ours == theirs != []
    emptied(*(lane for lane in worker.sender.lanes if lane.kind == "toy"))
    assert toy.kept.keys() == {(series, minute) for series, minute, _ in ours}
