"""The cases in machine instructions: where the machine is busy, they are what to go by."""

from __future__ import annotations

from collections import Counter
from typing import Final

from tests.bench.bench import Bench, fixed, stream, without
from tests.bench.cases import remove_states
from tests.bench.instructions import LOOP, Counted
from tests.bench.processes import measure, program
from tests.bench.programs import AGGREGATES, LIVES, REPLAYS, lives, opened, replays
from tests.bench.report import Row, at_most, cheaper
from tests.bench.stages import STAGES

WORK: Final = "instructions a record"
_CODE: Final = {
    LOOP: "the interpreter's loop",
    "libpython": "the interpreter's objects, calls and memory",
    "python": "the interpreter's objects, calls and memory",
    "_core.": "msgspec",
    "libsqlite3": "SQLite",
    "libcrypto": "OpenSSL",
    "libc.": "the C library",
}
"""Whose code a file is, by the beginning of its name."""

_NOT_MORE: Final = 0.9
"""The share of the instructions of the checkout before that a replay may take."""


def replay(bench: Bench) -> list[Row]:
    """(a) and its stages, each over all records before the next."""
    inputs = bench.inputs(bench.sizes.counted)
    runs = {
        **without(replays(bench, inputs), ["append_json", "append_validated"]),
        "in_turn": fixed(program("runs", "in_turn", inputs / "recording")),
    }
    found = bench.counted(runs)
    in_turn = found.pop("in_turn")
    spent = dict(zip(("json", *STAGES), in_turn.stretches, strict=True))
    stages = {name: count / bench.sizes.counted for name, count in spent.items()}
    taken = {name: one.a_record for name, one in found.items()}
    taken["append_json"] = stages.pop("json")
    ours = taken["replay"]
    return [
        at_most("a-work", "replay: decode, fold, windows, encoding", [ours], WORK),
        *(
            cheaper(
                "a-work",
                bench.named(text),
                *(ours, taken[name], WORK),
                1 / _NOT_MORE if name == "before" else None,
            )
            for name, text in REPLAYS.items()
            if name in taken
        ),
        *_shares("a-work", "replay", found["replay"]),
        at_most("a-work", "replay --as-live", [taken["replay_as_live"]], WORK),
        *(at_most("a-work", text, [stages[stage]], WORK) for stage, text in STAGES.items()),
    ]


def live(bench: Bench) -> list[Row]:
    """(b) kcl-rs is left out: it looks for its leases by the clock, for minutes."""
    records, shards = bench.sizes.counted_live
    inputs, state = bench.inputs(records, shards, today=True), bench.folder / "live.sqlite"
    remove_states(bench.folder)
    with stream(inputs) as endpoint:
        runs = without(lives(bench, endpoint, inputs, records, state), ["kcl"])
        counted = bench.counted(runs)
    found = {name: one.a_record for name, one in counted.items()}
    ours = found["live"]
    return [
        at_most("b-work", "live: HTTP to encoded requests in SQLite", [ours], WORK),
        at_most("b-work", "of that, fetching: the reader, nothing folded", [found["fetch"]], WORK),
        *_shares("b-work", "live run", counted["live"]),
        *(
            cheaper("b-work", bench.named(text), ours, found[name], WORK)
            for name, text in LIVES.items()
            if name in found
        ),
    ]


def commits(bench: Bench) -> list[Row]:
    """(c) A commit's new events, and a restore's sessions."""
    sessions = bench.sizes.counted_sessions
    path = bench.folder / f"counted-{sessions}.sqlite"
    measure(program("runs", "write_state", path, sessions, bench.seed))
    new = sessions * 6 // 10
    (restored,) = bench.counted(
        {"restore": fixed(program("runs", "restore", path, sessions))}
    ).values()
    (committed,) = bench.counted(
        {"commit": fixed(program("runs", "commit", path, sessions, new, bench.seed))}
    ).values()
    path.unlink()
    text = f"{sessions:,} open sessions"
    return [
        at_most(
            "c-work",
            f"commit of {new:,} new events, {text}",
            *([committed.a_record], "instructions an event"),
        ),
        *_shares("c-work", "commit", committed),
        at_most("c-work", f"restore, {text}", [restored.a_record], "instructions a session"),
        *_shares("c-work", "restore", restored),
    ]


def start(bench: Bench) -> list[Row]:
    """(e) From the start of the process to the first record folded."""
    records, shards = bench.sizes.counted_live
    remove_states(bench.folder)
    with stream(bench.inputs(records, shards, today=True)) as endpoint:
        run = fixed(program("start", endpoint, bench.folder / "live.sqlite", 0.0))
        (found,) = bench.counted({"start": run}).values()
    return [at_most("e-work", "start to first fold", [found.before / 1e6], "million instructions")]


def aggregates(bench: Bench) -> list[Row]:
    """(f) KPL aggregates of 50 records."""
    rows: list[Row] = []
    for size, text in AGGREGATES.items():
        found = bench.counted(opened(bench, bench.sizes.counted, size))
        ours = found["ours"].a_record
        rows += [
            at_most("f-work", f"KPL aggregates of {text}", [ours], WORK),
            *_shares("f-work", f"aggregates of {text}", found["ours"]),
            *(
                cheaper("f-work", f"{what}, {text}", ours, found[name].a_record, WORK)
                for name, what in (
                    ("library", "aws-kinesis-agg's deaggregator"),
                    ("checksums", "their MD5 alone"),
                )
            ),
        ]
    return rows


def curve(bench: Bench) -> list[Row]:
    """Replay's instructions a record, by the number of records."""
    runs = {
        f"replay of {records:,} records": fixed(program("runs", "curve", records, bench.seed))
        for records in bench.sizes.counted_curve
    }
    return [
        at_most("curve-work", what, [one.a_record], WORK)
        for what, one in bench.counted(runs).items()
    ]


def _shares(case: str, what: str, found: Counted) -> list[Row]:
    """Whose code the instructions are of, from a twentieth of all on."""
    names: Counter[str] = Counter()
    for file, count in found.by_file.items():
        known = (name for start, name in _CODE.items() if file.startswith(start))
        names[next(known, file)] += count
    shares = [(name, 100 * count / names.total()) for name, count in names.most_common()]
    return [
        at_most(case, f"of the {what}: {name}", [share], "%")
        for name, share in shares
        if share >= 5
    ]
