"""Where the time of case (a) goes: its stages one after the other, each under its own watch.

``python -m tests.bench.stages STAGE RECORDING`` goes as far as one of them.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from tests.bench.peers.loop import append_json
from tests.bench.peers.measured import Stopwatch, settle
from tests.outbox.outboxes import FORMATS
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
    with watches["parse"].running():
        _parse(records)
    partition = _partition()
    for start in range(0, len(records), _AT_ONCE):
        with watches["decode"].running():
            deliveries = decode_all(records[start : start + _AT_ONCE])
        with watches["fold"].running():
            partition.fold(deliveries)
    for outputs in _outputs_of(partition, watches["close"]):
        with watches["encode"].running():
            _encode(outputs)
    return {stage: watches[stage].cpu_s / len(records) * 1e6 for stage in STAGES}


def up_to(stage: str, recording: str) -> int:
    """All stages up to one of them, that one too; or but the ``read`` of the recording, or it and
    the ``parse``, or it and the loop's ``json``. Gives how many things the last one made.
    """
    records = _records(recording)
    if stage == "json":
        for record in records:
            append_json(record.data)
    if stage == "parse":
        _parse(records)
    if stage in ("read", "parse", "json"):
        return len(records)
    partition, decoded = _partition(), 0
    for start in range(0, len(records), _AT_ONCE):
        deliveries = decode_all(records[start : start + _AT_ONCE])
        decoded += len(deliveries)
        if stage != "decode":
            partition.fold(deliveries)
    if stage == "decode":
        return decoded
    if stage == "fold":
        return partition.counters["folded"]
    told = _outputs_of(partition, Stopwatch())
    return sum(len(_encode(one)) if stage == "encode" else len(one.records) for one in told)


def _records(recording: str) -> list[Record]:
    return [item for item in read_recording(recording) if isinstance(item, Record)]


def _partition() -> Partition:
    return Partition(Rules(expire_after=None))


def _parse(records: Iterable[Record]) -> None:
    for record in records:
        msgspec.json.decode(record.data)


def _outputs_of(partition: Partition, watch: Stopwatch) -> Iterator[Outputs]:
    with watch.running():
        keys = partition.keys()
    for start in range(0, len(keys), _AT_ONCE):
        with watch.running():
            partition.finish(keys[start : start + _AT_ONCE])
            outputs = partition.outputs(publish=False)
        yield outputs
    with watch.running():
        outputs = partition.outputs()
    yield outputs


def _encode(outputs: Outputs) -> Sequence[object]:
    return list(new_entries(FORMATS, outputs, 0))


if __name__ == "__main__":
    up_to(*sys.argv[1:])
