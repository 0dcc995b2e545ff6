"""The cases by time: which programs run, in which order, and what their figures are held against.

What the targets are: ratios in one run, and bounds that hold on any machine.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from tests.bench.bench import Bench, Figures, fixed, stream
from tests.bench.processes import measure, program
from tests.bench.programs import AGGREGATES, LIVES, REPLAYS, from_files, lives, opened, replays
from tests.bench.report import Row, at_least, at_most, beside, speeds
from tests.bench.stages import STAGES

SPEED: Final = "records/s"

_LEAST: Final = {
    "oracle": 7.0,
    "sql": 1.0,
    "before": 1.2,
    "loop": 3.0,
    "async_consumer": 1.0,
    "kcl": 1.0,
    "powertools": 1.0,
}
"""How many times as fast as each the worker is to be."""

_BY_SQL_TOO: Final = (
    *("SttLatency", "TtsLatency", "Tokens", "Words", "Interruptions", "Preemptions"),
    *("DtmfReceived", "DigitsSent", "MediaRequested", "Prompts", "Errors", "SessionsStarted"),
    *("SessionsEnded", "SessionDuration", "TokensPerSession", "InterruptionsPerSession"),
    *("MissingEvents", "DeliveryDelay"),
)


def replay(bench: Bench) -> list[Row]:
    """(a) Records in memory to encoded requests."""
    inputs = bench.inputs(bench.sizes.records)
    stages = {"stages": fixed(program("runs", "stages", inputs / "recording"))}
    runs = {**replays(bench, inputs), **from_files(bench, inputs), **stages}
    measured = bench.interleaved(runs)
    spent = measured.pop("stages")
    found = {name: speeds(figures) for name, figures in measured.items()}
    ours = found["replay"]
    rows = [
        at_least("a", "replay: decode, fold, windows, encoding", ours, SPEED),
        *(
            beside("a", bench.named(text), ours, found[name], SPEED, _target("a", name))
            for name, text in REPLAYS.items()
            if name in found
        ),
        at_least("a", "replay --as-live", found["replay_as_live"], SPEED),
        at_least("a", "replay with reading the recording's files", found["replay_files"], SPEED),
    ]
    if "sql_files" in found:
        _check_sums(inputs / "recording", measured["sql"][0])
        text = "DuckDB with reading the recording's files"
        rows.append(beside("a", text, found["replay_files"], found["sql_files"], SPEED, 1))
    return rows + [
        at_most("a", text, [one[stage] for one in spent], "µs a record")
        for stage, text in STAGES.items()
    ]


def live(bench: Bench) -> list[Row]:
    """(b) GetRecords answers over HTTP to encoded requests, committed to SQLite, on one core."""
    records, shards = bench.sizes.live
    inputs, state = bench.inputs(records, shards, today=True), bench.folder / "live.sqlite"
    with stream(inputs) as endpoint:
        runs = lives(bench, endpoint, inputs, records, state)
        measured = bench.interleaved(runs, prepare=lambda: remove_states(bench.folder))
    found = {name: speeds(figures) for name, figures in measured.items()}
    ours = found["live"]
    return [
        at_least("b", "live, a core: HTTP to encoded requests in SQLite", ours, SPEED),
        at_least("b", "of that, fetching: the reader, nothing folded", found["fetch"], SPEED),
        *(
            beside("b", bench.named(text), ours, found[name], SPEED, _target("b", name))
            for name, text in LIVES.items()
            if name in found
        ),
    ]


def commits(bench: Bench) -> list[Row]:
    """(c) and (d) Commits, restores and memory by the number of open sessions."""
    rows: list[Row] = []
    for sessions in bench.sizes.states:
        rows += _commits(bench, sessions, largest=sessions == bench.sizes.states[-1])
    return rows


def _commits(bench: Bench, sessions: int, *, largest: bool) -> list[Row]:
    path = bench.folder / f"state-{sessions}.sqlite"
    bench.told(f"writing a state of {sessions:,} sessions")
    measure(program("runs", "write_state", path, sessions, bench.seed))
    untouched = Path(shutil.copy(path, path.with_suffix(".untouched")))
    new = bench.sizes.new_events
    runs = {
        str(events): fixed(program("runs", "commit", path, sessions, events, bench.seed))
        for events in (new, new // 10, 0)
    }
    runs["restore"] = fixed(program("runs", "restore", untouched, sessions))
    found = bench.interleaved(runs)
    restores = found.pop("restore")
    full, tenth, none = ([one["commit_ms"] for one in figures] for figures in found.values())
    path.unlink()
    untouched.unlink()
    text = f"{sessions:,} open sessions"
    memory = f"memory of the process, {text} of 120 events"
    return [
        at_most("c", f"commit of {new:,} new events, {text}", full, "ms", 100 if largest else None),
        at_most("c", f"commit of {new // 10:,} new events, {text}", tenth, "ms"),
        at_most("c", f"commit of nothing, {text}", none, "ms"),
        at_most("c", f"restore, {text}", [one["restore_s"] for one in restores], "s"),
        at_most(
            *("d", memory, [one["resident_mb"] for one in restores], "MB"), 475 if largest else None
        ),
    ]


def start(bench: Bench) -> list[Row]:
    """(e) From the start of the process to the first record folded."""
    state = bench.folder / "live.sqlite"
    with stream(bench.inputs(bench.sizes.records)) as endpoint:
        found = bench.interleaved(
            {"start": lambda: program("start", endpoint, state, time.monotonic())},
            prepare=lambda: remove_states(bench.folder),
        )["start"]
    return [
        at_most(
            "e", "start to first fold, by the clock", [one["seconds"] for one in found], "s", 2
        ),
        at_most("e", "CPU time of that", [one["cpu_s"] for one in found], "s"),
    ]


def aggregates(bench: Bench) -> list[Row]:
    """(f) KPL aggregates of 50 records, of events and of small records."""
    rows: list[Row] = []
    for size, text in AGGREGATES.items():
        runs = opened(bench, bench.sizes.aggregated, size)
        found = {name: speeds(figures) for name, figures in bench.interleaved(runs).items()}
        ours, theirs = found["ours"], found["library"]
        rows += [
            at_least("f", f"KPL aggregates of {text}", ours, SPEED),
            beside("f", f"aws-kinesis-agg's deaggregator, {text}", ours, theirs, SPEED, 5),
            beside("f", f"their MD5 alone, {text}", ours, found["checksums"], SPEED),
        ]
    return rows


def curve(bench: Bench) -> list[Row]:
    """Replay's cost a record, by the number of records; the longest runs but once."""
    runs = {
        f"replay of {records:,} records": fixed(program("runs", "curve", records, bench.seed))
        for records in bench.sizes.curve
    }
    longest = list(runs)[-1:]
    rows = [
        at_most("curve", what, [1e6 / speed for speed in speeds(figures)], "µs a record")
        for what, figures in bench.interleaved(runs, once=longest).items()
    ]
    first, last = rows[0], rows[-1]
    assert first.figure is not None
    assert last.figure is not None
    met = last.figure <= 1.1 * first.figure
    rows[-1] = last._replace(target="≤ 1.1 × the first", met=met)
    return rows


def remove_states(folder: Path) -> None:
    """What a live run before has left."""
    for left in [*folder.glob("live.sqlite*"), *folder.glob("before.sqlite*")]:
        left.unlink()


def _target(case: str, name: str) -> float | None:
    return None if (case, name) == ("a", "before") else _LEAST.get(name)


def _check_sums(recording: Path, by_sql: Figures) -> None:
    """Both have counted the same. Raises RuntimeError if not: then it isn't the same work."""
    ours = measure(program("runs", "sums", recording))
    apart = [name for name in _BY_SQL_TOO if ours[name] != by_sql["sums"].get(name, [0, 0])]
    if apart:
        raise RuntimeError(f"DuckDB's job and the worker don't agree on {', '.join(apart)}")
