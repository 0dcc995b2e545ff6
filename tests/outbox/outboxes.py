"""An outbox with something in it, and sinks that do as they are told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from worker.destinations.cloudwatch.requests import DATUMS
from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_LINES
from worker.metrics.series import Series
from worker.outbox.destination import Destination, OnAmbiguous, RequestFormat, Sink, new_entries
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind, NewEntry
from worker.outbox.lane import Lane
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import Outputs, Window
from worker.partition.delta import Delta
from worker.state.sqlite.store import SqliteStore
from worker.state.store import Backlog, Commit

NOON: Final = 1_790_942_400_000
MINUTE: Final = 60_000
STREAM: Final = "calls"
FORMATS: Final[dict[EntryKind, RequestFormat]] = {
    "metrics": DATUMS,
    "records": RECORD_LINES,
    "dead_letters": DEAD_LETTER_LINES,
}
EMPTY: Final = Backlog(0, 0, 0, None)


class Log:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Entry, DeliveryOutcome, str]] = []
        self.notes: list[Note] = []

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        self.attempts.append((entry, outcome, error))

    def noted(self, note: Note) -> None:
        self.notes.append(note)

    def outcomes(self) -> list[DeliveryOutcome]:
        return [outcome for _, outcome, _ in self.attempts]


class Failing:
    """A sink that does the same each time."""

    def __init__(self, does: Callable[[], tuple[DeliveryOutcome, str]]) -> None:
        self._does = does

    def send(self, body: bytes) -> tuple[DeliveryOutcome, str]:
        return self._does()


def away() -> tuple[DeliveryOutcome, str]:
    return DeliveryOutcome.NOT_APPLIED, "EndpointConnectionError"


@contextmanager
def store_at(path: Path, *made: NewEntry) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as store:
        store.acquire(STREAM)
        store.append(Commit(Delta(), list(made), [], None))
        yield store


@contextmanager
def store_with(*made: NewEntry) -> Iterator[SqliteStore]:
    with (
        tempfile.TemporaryDirectory() as folder,
        store_at(Path(folder) / "state.sqlite", *made) as store,
    ):
        yield store


def lane_of(
    store: SqliteStore,
    sink: Sink,
    log: Log | None = None,
    kind: EntryKind = "metrics",
    on_ambiguous: OnAmbiguous = "resend",
    random: Callable[[], float] = lambda: 0.0,
) -> Lane:
    to = Destination(FORMATS[kind], sink, on_ambiguous)
    return Lane(kind, store, to, log or Log(), random)


def emptied(*lanes: Lane) -> None:
    while any(lane.send_some() for lane in lanes):
        pass


def metrics(window: Window) -> list[NewEntry]:
    return new_entries(FORMATS, Outputs(window=window), NOON)


def tokens(**values: int) -> Window:
    return {(Series("Tokens", (("Voice", voice),)), NOON): {n: 2} for voice, n in values.items()}
