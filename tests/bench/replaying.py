"""Case (a) and the curve: records in memory through decode, fold, windows and encoding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from tests.bench.inputs import events
from tests.bench.peers import loop
from tests.bench.peers.measured import Stopwatch, settle
from tests.oracle import replay as oracle_replay
from tests.outbox.outboxes import FORMATS
from worker.cli.gc_tuning import tune_collector
from worker.metrics.catalogue import CATALOGUE
from worker.outbox.destination import new_entries
from worker.partition.commit_outputs import Outputs
from worker.recordings.reader import read_recording
from worker.replay import Item, LiveReplay, Replay
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.stream.record import Record

Figures = dict[str, float]
_CHUNK = 10_000
_SECONDS_A_RECORD = 0.06


class _Encoded:
    """Takes outputs as far as complete requests, and drops them."""

    def __init__(self) -> None:
        self.bytes = 0

    def take(self, outputs: Outputs) -> None:
        self.bytes += sum(len(draft.body) for draft in new_entries(FORMATS, outputs, 0))


def replay(recording: str) -> Figures:
    """Offline replay of records in memory."""
    return _timed(Replay(rules_of(Settings()), _Encoded().take), _in_memory(recording))


def replay_as_live(recording: str) -> Figures:
    """As ``replay --as-live``."""
    return _timed(LiveReplay(rules_of(Settings()), _Encoded().take), _in_memory(recording))


def replay_files(recording: str) -> Figures:
    """As ``replay``, reading the recording's files included."""
    return _timed(Replay(rules_of(Settings()), _Encoded().take), read_recording(recording))


def oracle(recording: str) -> Figures:
    """The plain-Python job of the same definitions: all of a replay's results, but no requests."""
    records = _in_memory(recording)
    settle()
    watch = Stopwatch()
    with watch.running():
        found = oracle_replay(records)
    return _figures(found.counters["occurrences"], watch)


def sums(recording: str) -> dict[str, list[int]]:
    """The number and the sum of the samples of each metric's series without dimensions."""
    found = {name: [0, 0] for name in CATALOGUE}

    def take(outputs: Outputs) -> None:
        for (series, _minute), distribution in outputs.window.items():
            if not series.dimensions:
                of_metric = found[series.metric]
                of_metric[0] += sum(distribution.values())
                of_metric[1] += sum(value * count for value, count in distribution.items())

    offline = Replay(rules_of(Settings()), take)
    for item in _in_memory(recording):
        offline.feed(item)
    offline.finish()
    return found


def append_json(recording: str) -> Figures:
    """The loop's json.loads and append, nothing else."""
    return _appended([item.data for item in _in_memory(recording)], "json")


def append_validated(recording: str) -> Figures:
    """The loop with pydantic in place of json.loads."""
    return _appended([item.data for item in _in_memory(recording)], "pydantic")


def curve(records: int, seed: int) -> Figures:
    """Replay of traffic made as it goes, which is not timed: of any length, up to a week. It is
    as dense at every length: a few dozen calls are under way at once.
    """
    spread_s = records * _SECONDS_A_RECORD
    tune_collector()
    watch = Stopwatch()
    encoded = _Encoded()
    offline = Replay(rules_of(Settings()), encoded.take)
    for chunk in _chunks(events(records, seed, spread_s=spread_s)):
        with watch.running():
            for record in chunk:
                offline.feed(record)
    with watch.running():
        offline.finish()
    return _figures(offline.counters["occurrences"], watch)


def _timed(replay: Replay, items: Iterable[Item]) -> Figures:
    settle()
    tune_collector()
    watch = Stopwatch()
    with watch.running():
        for item in items:
            replay.feed(item)
        replay.finish()
    return _figures(replay.counters["occurrences"], watch)


def _appended(datas: list[bytes], reader: str) -> Figures:
    append = loop.append_json if reader == "json" else loop.append_validated
    settle()
    watch = Stopwatch()
    with watch.running():
        for data in datas:
            append(data)
    return _figures(len(datas), watch)


def _in_memory(recording: str) -> list[Record]:
    return [item for item in read_recording(recording) if isinstance(item, Record)]


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _CHUNK)):
        yield chunk


def _figures(records: int, watch: Stopwatch) -> Figures:
    return {
        "records": records,
        "cpu_s": watch.cpu_s,
        "wall_s": watch.wall_s,
    }
