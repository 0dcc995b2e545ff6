"""Where the work of case (a) goes: its stages one after the other, each under its own watch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from tests.bench.peers.loop import append_json
from tests.bench.peers.measured import Stopwatch, settle
from tests.outbox.outboxes import FORMATS
from worker.cli.gc_tuning import tune_collector
from worker.events.decode import decode_all
from worker.outbox.destination import new_entries
from worker.partition.commit_outputs import Outputs
from worker.partition.partition import Partition
from worker.partition.rules import Rules
from worker.recordings.reader import read_recording
from worker.stream.record import Record

STAGES: Final = {
    "parse": "JSON of a record parsed by msgspec, untyped: the least that a decoder does",
    "decode": "decode: all occurrences in a record, typed",
    "fold": "fold: into the packed log of its session, repeats found",
    "close": "close: the turn rules, samples into minutes, session records",
    "encode": "encode: minutes to datums, whole requests",
}
_AT_ONCE: Final = 500


def stages(recording: str) -> dict[str, float]:
    """Microseconds of a core a record, by stage."""
    records = _records(recording)
    watches: defaultdict[str, Stopwatch] = defaultdict(Stopwatch)
    settle()
    tune_collector()
    with watches["parse"].running():
        _parse(records)
    partition = _partition()
    for start in range(0, len(records), _AT_ONCE):
        with watches["decode"].running():
            deliveries = decode_all(records[start : start + _AT_ONCE])
        with watches["fold"].running():
            partition.fold(deliveries)
    closing = _outputs_of(partition)
    while True:
        with watches["close"].running():
            outputs = next(closing, None)
        if outputs is None:
            break
        with watches["encode"].running():
            _encode(outputs)
    return {stage: watches[stage].cpu_s / len(records) * 1e6 for stage in STAGES}


def in_turn(recording: str) -> dict[str, int]:
    """The loop's ``json``, then each stage over all records before the next one, under a watch of
    its own, so that their instructions can be told apart. Gives how many things each has made.
    """
    tune_collector()
    records = _records(recording)
    partition = _partition()
    settle()
    with Stopwatch().running():
        for record in records:
            append_json(record.data)
    with Stopwatch().running():
        _parse(records)
    with Stopwatch().running():
        batches = [
            decode_all(records[start : start + _AT_ONCE])
            for start in range(0, len(records), _AT_ONCE)
        ]
    with Stopwatch().running():
        for batch in batches:
            partition.fold(batch)
    with Stopwatch().running():
        closed = list(_outputs_of(partition))
    with Stopwatch().running():
        requests = [_encode(outputs) for outputs in closed]
    return {
        "json": len(records),
        "parse": len(records),
        "decode": sum(map(len, batches)),
        "fold": partition.counters["folded"],
        "close": sum(len(outputs.records) for outputs in closed),
        "encode": sum(map(len, requests)),
        "records": len(records),
    }


def _records(recording: str) -> list[Record]:
    return [item for item in read_recording(recording) if isinstance(item, Record)]


def _partition() -> Partition:
    return Partition(Rules(expire_after=None))


def _parse(records: Iterable[Record]) -> None:
    for record in records:
        msgspec.json.decode(record.data)


def _outputs_of(partition: Partition) -> Iterator[Outputs]:
    keys = partition.keys()
    for start in range(0, len(keys), _AT_ONCE):
        partition.finish(keys[start : start + _AT_ONCE])
        yield partition.outputs(publish=False)
    yield partition.outputs()


def _encode(outputs: Outputs) -> Sequence[object]:
    return list(new_entries(FORMATS, outputs, 0))
