"""The cases: which processes run, in which order, and what their figures are held against."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.instructions import VALGRIND, instructions
from tests.bench.processes import measure, serving
from tests.bench.report import Row, at_least, at_most, beside, speeds
from tests.bench.stages import STAGES
from worker.testing.moto_server import embedded_aws

Figures = Mapping[str, Any]


class Sizes(NamedTuple):
    """How much is measured. ``live_records`` are several answers of each shard, so that it costs
    little that shards are looked for and asked once more; ``curve``: numbers of records.
    """

    rounds: int
    records: int
    live_records: int
    states: tuple[int, ...]
    new_events: int
    counted: int
    aggregated: int
    curve: tuple[int, ...]


class Bench(NamedTuple):
    """Where a run keeps its files, how large it is, and who takes part."""

    folder: Path
    sizes: Sizes
    seed: int
    peers: str | None
    told: Callable[[str], None]

    def interleaved(
        self, runs: Mapping[str, Callable[[], Figures]], once: Iterable[str] = ()
    ) -> dict[str, list[Figures]]:
        """Every run once a round, in turn, so that a slow minute befalls all of them; those
        named in ``once`` in the first round only.
        """
        found: dict[str, list[Figures]] = {name: [] for name in runs}
        for n in range(self.sizes.rounds):
            for name, run in runs.items():
                if n and name in once:
                    continue
                self.told(f"round {n + 1}: {name}")
                found[name].append(run())
        return found


def replay(bench: Bench) -> list[Row]:
    """(a) Records in memory to encoded requests."""
    recording = bench.folder / "recording"
    runs = {
        name: _measuring(name, recording)
        for name in ("replay", "append_json", "append_validated", "replay_files", "replay_as_live")
    }
    measured = bench.interleaved({**runs, "stages": _measuring("stages", recording)})
    spent = measured.pop("stages")
    found = {name: speeds(figures) for name, figures in measured.items()}
    ours, unit = found["replay"], "records/s"
    return [
        at_least("a", "replay: decode, fold, windows, encoding", ours, unit, 100_000),
        beside("a", "json.loads, append to lists", ours, found["append_json"], unit, 1.5),
        beside("a", "pydantic, append to lists", ours, found["append_validated"], unit),
        at_least("a", "the same with reading the recording's files", found["replay_files"], unit),
        at_least("a", "replay --as-live", found["replay_as_live"], unit),
        *(
            at_most("a", text, [one[stage] for one in spent], "µs a record")
            for stage, text in STAGES.items()
        ),
    ]


def work(bench: Bench) -> list[Row]:
    """Case (a) in machine instructions, where they can be and are to be counted."""
    if VALGRIND is None or not bench.sizes.counted:
        return []
    bench.told(f"counting the instructions of {bench.sizes.counted:,} records")
    folder = bench.folder / "counted"
    measure("runs", "inputs", folder, bench.sizes.counted, bench.seed)
    spent = instructions(folder / "recording", bench.sizes.counted)
    whole = sum(spent[stage] for stage in STAGES if stage != "parse")
    unit = "instructions a record"
    return [
        at_most("work", "replay: decode, fold, windows, encoding", [whole], unit),
        at_most("work", "json.loads, append to lists", [spent["json"]], unit)._replace(
            ratio=spent["json"] / whole
        ),
        *(at_most("work", text, [spent[stage]], unit) for stage, text in STAGES.items()),
    ]


def live(bench: Bench) -> list[Row]:
    """(b) GetRecords answers over HTTP to encoded requests, committed to SQLite; everyone on one
    core, if nothing else is said.
    """
    records, unit = bench.sizes.live_records, "records/s"
    folder = bench.folder / "live"
    bench.told(f"making {records:,} records")
    measure("runs", "inputs", folder, records, bench.seed)
    with _stream(folder) as endpoint:
        runs: dict[str, Callable[[], Figures]] = {
            "live": lambda: _live(bench, endpoint),
            "fetch": lambda: measure("runs", "fetch", endpoint, records, on_one_core=True),
            "loop": _measuring_peer("peers.loop", endpoint, "bench", records),
        }
        if bench.peers is not None:
            for name in ("async_consumer", "kcl"):
                runs[name] = _measuring_peer(
                    f"peers.{name}", endpoint, "bench", records, python=bench.peers
                )
            runs["powertools"] = _measuring_peer(
                "peers.powertools", bench.folder / "lambda", bench.sizes.records, python=bench.peers
            )
        measured = bench.interleaved(runs, once=("kcl",))  # it looks for leases for minutes
    found = {name: speeds(figures) for name, figures in measured.items()}
    ours = found["live"]
    names = {
        "loop": "the loop: boto3's parse, json.loads, lists",
        "async_consumer": "async-kinesis, json.loads, lists",
        "kcl": "kcl-rs, json.loads, lists",
        "powertools": "aws-lambda-powertools' parser (no fetching), lists",
    }
    return [
        at_least("b", "live, a core: HTTP to encoded requests in SQLite", ours, unit, 60_000),
        at_least("b", "of that, fetching: the reader, nothing folded", found["fetch"], unit),
        *(
            beside("b", text, ours, found[name], unit, 3 if name == "loop" else 1)
            for name, text in names.items()
            if name in found
        ),
    ]


def commits(bench: Bench) -> list[Row]:
    """(c) and (d) Commits, restores and memory by the number of open sessions."""
    rows: list[Row] = []
    largest = bench.sizes.states[-1]
    for sessions in bench.sizes.states:
        path = bench.folder / f"state-{sessions}.sqlite"
        bench.told(f"writing a state of {sessions:,} sessions")
        measure("runs", "state", path, sessions, bench.seed)
        untouched = Path(shutil.copy(path, path.with_suffix(".untouched")))
        new = bench.sizes.new_events
        runs = {
            "all": _measuring("commit", path, sessions, new, bench.seed),
            "tenth": _measuring("commit", path, sessions, new // 10, bench.seed),
            "none": _measuring("commit", path, sessions, 0, bench.seed),
            "restore": _measuring("restore", untouched, sessions),
        }
        found = bench.interleaved(runs)
        full, tenth, none = (
            [one["commit_ms"] for one in found[name]] for name in ("all", "tenth", "none")
        )
        limit = 100 if sessions == largest else None
        text = f"{sessions:,} open sessions"
        restores = found["restore"]
        rows += [
            at_most("c", f"commit of {new:,} new events, {text}", full, "ms", limit),
            at_most("c", f"commit of {new // 10:,} new events, {text}", tenth, "ms"),
            at_most("c", f"commit of nothing, {text}", none, "ms"),
            at_most("c", f"restore, {text}", [one["restore_s"] for one in restores], "s"),
            at_most(
                "d",
                f"memory of the process, {text} of 120 events",
                [one["resident_mb"] for one in restores],
                "MB",
                500 if sessions == largest else None,
            ),
        ]
        path.unlink()
        untouched.unlink()
    return rows


def start(bench: Bench) -> list[Row]:
    """(e) From the start of the process to the first record folded."""
    with _stream(bench.folder) as endpoint:
        found = bench.interleaved(
            {"start": lambda: measure("start", endpoint, _fresh_state(bench), time.monotonic())}
        )["start"]
    return [at_most("e", "start to first fold", [one["seconds"] for one in found], "s", 2)]


def aggregates(bench: Bench) -> list[Row]:
    """(f) KPL aggregates of 50 records, of events and of small records."""
    rows: list[Row] = []
    for size, text in (("events", "events"), ("small", "records of 100 bytes")):
        runs = {
            name: _measuring(name, bench.sizes.aggregated, bench.seed, size)
            for name in ("ours", "library", "checksums")
        }
        found = {name: speeds(figures) for name, figures in bench.interleaved(runs).items()}
        ours, unit = found["ours"], "records/s"
        rows += [
            at_least("f", f"KPL aggregates of {text}", ours, unit),
            beside("f", f"aws-kinesis-agg's deaggregator, {text}", ours, found["library"], unit, 5),
            beside("f", f"their MD5 alone, {text}", ours, found["checksums"], unit),
        ]
    return rows


def curve(bench: Bench) -> list[Row]:
    """Replay's cost a record, by the number of records; the longest runs but once."""
    runs = {
        f"replay of {records:,} records": _measuring("curve", records, bench.seed)
        for records in bench.sizes.curve
    }
    longest = list(runs)[-1:]
    rows = [
        at_most("curve", what, [1e6 / speed for speed in speeds(figures)], "µs a record")
        for what, figures in bench.interleaved(runs, once=longest).items()
    ]
    first, last = rows[0], rows[-1]
    grown = last.figure / first.figure
    rows[-1] = last._replace(target="≤ 1.25 × the first", met=grown <= 1.25)
    return rows


def _live(bench: Bench, endpoint: str) -> Figures:
    of_run = endpoint, _fresh_state(bench), bench.sizes.live_records
    return measure("runs", "live", *of_run, on_one_core=True)


def _fresh_state(bench: Bench) -> Path:
    for left in bench.folder.glob("live.sqlite*"):
        left.unlink()
    return bench.folder / "live.sqlite"


@contextmanager
def _stream(inputs: Path) -> Iterator[str]:
    """The stub on the recording of a folder; what isn't Kinesis's goes to an embedded AWS."""
    with embedded_aws() as others, serving([inputs / "recording", others]) as endpoint:
        yield endpoint


def _measuring(name: str, *arguments: object) -> Callable[[], Figures]:
    return lambda: measure("runs", name, *arguments)


def _measuring_peer(
    module: str, *arguments: object, python: str = sys.executable
) -> Callable[[], Figures]:
    return lambda: measure(module, *arguments, python=python, on_one_core=True)
