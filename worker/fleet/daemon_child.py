"""The child process that the Kinesis Client Library's daemon in Java starts and talks to.

The daemon starts a process for each shard that it leases, and both exchange lines of JSON: the
daemon names an action on standard input, and goes on once a line on standard output says that the
action is done. The process doesn't report errors to the daemon: it ends at the first one, and the
daemon ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from worker.errors import VoiceInsightsError
from worker.fleet.guard import Fail, guarded
from worker.fleet.kcl_checkpoints import begun_after, checkpointer
from worker.fleet.processor import Checkpointer, Processor, leased_records
from worker.stream.record import Record


class _DaemonRecord(msgspec.Struct, rename="camel"):
    data: bytes
    sequence_number: str
    approximate_arrival_timestamp: int
    partition_key: str | None = None
    sub_sequence_number: int | None = None


class _Action(msgspec.Struct, rename="camel"):
    """A line of the daemon; each action has some of the fields."""

    action: str
    shard_id: str | None = None
    sequence_number: str | None = None
    records: list[_DaemonRecord] = []
    millis_behind_latest: int | None = None
    error: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Action)


class DaemonChild:
    """Serves one shard. ``lines``: standard input; ``write``: writes a line to standard output,
    unbuffered. ``fail``: see ``guard``.
    """

    def __init__(
        self,
        lines: Iterator[bytes],
        write: Callable[[bytes], object],
        processor: Processor,
        fail: Fail,
        random: Callable[[], float],
    ) -> None:
        self._lines = lines
        self._write = write
        self._processor = processor
        self._fail = fail
        self._random = random
        self._shard = ""

    def run(self) -> None:
        """Serve until standard input ends."""
        with guarded(self._fail):
            for action in self._actions():
                self._perform(action)
                self._say({"action": "status", "responseFor": action.action})

    def _perform(self, line: _Action) -> None:
        processor = self._processor
        if line.action == "initialize":
            self._shard = line.shard_id or ""
            processor.initialize(self._shard, begun_after(line.sequence_number))
        elif line.action == "processRecords":
            records = leased_records(
                (self._record(one), one.sub_sequence_number or 0) for one in line.records
            )
            processor.process(records, line.millis_behind_latest, self._checkpointer())
        elif line.action == "leaseLost":
            processor.lease_lost()
        elif line.action == "shardEnded":
            processor.shard_ended(self._checkpointer())
        elif line.action == "shutdownRequested":
            processor.shutdown_requested(self._checkpointer())
        else:
            raise VoiceInsightsError(f"the daemon asks for {line.action!r}, which is unknown")

    def _record(self, one: _DaemonRecord) -> Record:
        return Record(
            self._shard,
            one.sequence_number,
            one.approximate_arrival_timestamp,
            one.data,
            one.partition_key or "",
        )

    def _checkpointer(self) -> Checkpointer:
        return checkpointer("the daemon", self._checkpointed, self._random)

    def _checkpointed(self, sequence: str | None) -> str | None:
        """Checkpoint once; return the name of the error, or None."""
        self._say({"action": "checkpoint", "sequenceNumber": sequence, "subSequenceNumber": None})
        answer = next(self._actions(), None)
        if answer is None or answer.action != "checkpoint":
            raise VoiceInsightsError("the daemon gives no answer to a checkpoint")
        return answer.error

    def _actions(self) -> Iterator[_Action]:
        for line in self._lines:
            if line.strip():
                yield _DECODER.decode(line)

    def _say(self, message: dict[str, str | None]) -> None:
        self._write(b"\n" + msgspec.json.encode(message) + b"\n")
