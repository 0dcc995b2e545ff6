"""Where the time of case (a) goes: its stages one after the other, each under its own watch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import msgspec

from tests.bench.peers.measured import Stopwatch, settle
from worker.config import Settings
from worker.emit.outbox import drafts
from worker.events.decode import decode_all
from worker.partition.outputs import Outputs
from worker.partition.partition import Partition
from worker.stream.record import Record
from worker.stream.recording import read_recording
from worker.wiring import rules_of

STAGES: Final = {
    "parse": "JSON of a record parsed by msgspec, untyped: the least that a decoder does",
    "decode": "decode: all occurrences in a record, typed",
    "fold": "fold: into the packed log of its session, repeats found",
    "tell": "close: the turn rules, samples into minutes, session records",
    "encode": "encode: minutes to datums, whole requests",
}
_AT_ONCE: Final = 500


def stages(recording: str) -> dict[str, float]:
    """Microseconds of a core a record, by stage."""
    records = [item for item in read_recording(recording) if isinstance(item, Record)]
    watches: defaultdict[str, Stopwatch] = defaultdict(Stopwatch)
    settle()
    with watches["parse"].running():
        for record in records:
            msgspec.json.decode(record.data)
    partition = Partition(rules_of(Settings())._replace(expire_after=None))
    for start in range(0, len(records), _AT_ONCE):
        with watches["decode"].running():
            deliveries = decode_all(records[start : start + _AT_ONCE])
        with watches["fold"].running():
            partition.fold(deliveries)
    _finish(partition, watches["tell"], watches["encode"])
    return {stage: watches[stage].cpu_s / len(records) * 1e6 for stage in STAGES}


def _finish(partition: Partition, telling: Stopwatch, encoding: Stopwatch) -> None:
    keys = partition.keys()
    for start in range(0, len(keys), _AT_ONCE):
        with telling.running():
            partition.finish(keys[start : start + _AT_ONCE])
            outputs = partition.outputs(publish=False)
        with encoding.running():
            _encode(outputs)
    with telling.running():
        outputs = partition.outputs()
    with encoding.running():
        _encode(outputs)


def _encode(outputs: Outputs) -> Sequence[object]:
    return list(drafts(outputs, 0))
