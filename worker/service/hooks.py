"""Hooks for what happens in a worker: a listener overrides those that it needs. Pure.

The reader, the lanes and the state's bucket lie below this room and each declare, as a parameter,
only the hooks that they call; the service has all of them.
"""

from __future__ import annotations

from worker.objectstore.retrying import CallFailed
from worker.outbox.entries import DeliveryOutcome, Entry, EntryKind
from worker.outbox.ledger import Note
from worker.partition.partition import Partition
from worker.service.ports import WorkerStatus
from worker.sources.kinesis.reader_events import ReaderEvent


class WorkerEvents:
    """Hooks that do nothing. They are called by the threads in which the events occur, and must
    neither block nor raise.
    """

    def started(self, stream: str, sessions: int) -> None:
        """A state was acquired for ``stream``, and ``sessions`` open sessions were restored with
        it.
        """

    def stranded(self, kinds: list[EntryKind]) -> None:
        """Entries of these kinds wait in the outbox of the acquired state, and no destination has
        their name.
        """

    def reader_event(self, reader_event: ReaderEvent) -> None:
        """The reader reports a change of a shard, or a call that failed."""

    def parsed_slowly(self, answers: int) -> None:
        """So far, ``answers`` answers of Kinesis had to be parsed by botocore."""

    def test_event(self, test_id: str) -> None:
        """The test event of a Twilio sink has arrived."""

    def gap(self, shard: str) -> None:
        """Records of a shard may have been trimmed before they were read."""

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """An attempt to deliver an entry has ended, or will never be made."""

    def noted(self, note: Note) -> None:
        """The ledger has one more note."""

    def state_call_failed(self, failed: CallFailed) -> None:
        """A call to the state's bucket failed; it will be retried."""

    def progress(self, progress: WorkerStatus) -> None:
        """A commit was made."""

    def turn_ended(self, partition: Partition) -> None:
        """A turn of the loop has ended; ``partition`` doesn't change until this returns."""

    def routed(self, records: int) -> None:
        """Records of the source were put into the keyed stream, and all of them acknowledged."""

    def router_behind(self, shard: str, ms: int) -> None:
        """A router's last batch of a source shard ended ``ms`` behind the shard's tip."""

    def put_failed(self, reason: str, attempt: int) -> None:
        """The keyed stream did not accept records, ``attempt`` times in a row by now; they are put
        again.
        """

    def router_left(self, shard: str) -> None:
        """A source shard is routed by this process no more."""

    def bucket_taken(self, bucket: int) -> None:
        """This process has acquired the state of a bucket."""

    def bucket_left(self, bucket: int) -> None:
        """This process holds a bucket no more."""

    def bundle_refused(self, reason: str) -> None:
        """A record of the keyed stream can't be taken; the process ends."""


class EventFanOut(WorkerEvents):
    """Calls the hooks of all ``listeners``, in order."""

    def __init__(self, *listeners: WorkerEvents) -> None:
        self._listeners = listeners

    def started(self, stream: str, sessions: int) -> None:
        """See ``WorkerEvents.started``."""
        for one in self._listeners:
            one.started(stream, sessions)

    def stranded(self, kinds: list[EntryKind]) -> None:
        """See ``WorkerEvents.stranded``."""
        for one in self._listeners:
            one.stranded(kinds)

    def reader_event(self, reader_event: ReaderEvent) -> None:
        """See ``WorkerEvents.reader_event``."""
        for one in self._listeners:
            one.reader_event(reader_event)

    def parsed_slowly(self, answers: int) -> None:
        """See ``WorkerEvents.parsed_slowly``."""
        for one in self._listeners:
            one.parsed_slowly(answers)

    def test_event(self, test_id: str) -> None:
        """See ``WorkerEvents.test_event``."""
        for one in self._listeners:
            one.test_event(test_id)

    def gap(self, shard: str) -> None:
        """See ``WorkerEvents.gap``."""
        for one in self._listeners:
            one.gap(shard)

    def sent(self, entry: Entry, outcome: DeliveryOutcome, error: str) -> None:
        """See ``WorkerEvents.sent``."""
        for one in self._listeners:
            one.sent(entry, outcome, error)

    def noted(self, note: Note) -> None:
        """See ``WorkerEvents.noted``."""
        for one in self._listeners:
            one.noted(note)

    def state_call_failed(self, failed: CallFailed) -> None:
        """See ``WorkerEvents.state_call_failed``."""
        for one in self._listeners:
            one.state_call_failed(failed)

    def progress(self, progress: WorkerStatus) -> None:
        """See ``WorkerEvents.progress``."""
        for one in self._listeners:
            one.progress(progress)

    def turn_ended(self, partition: Partition) -> None:
        """See ``WorkerEvents.turn_ended``."""
        for one in self._listeners:
            one.turn_ended(partition)

    def routed(self, records: int) -> None:
        """See ``WorkerEvents.routed``."""
        for one in self._listeners:
            one.routed(records)

    def router_behind(self, shard: str, ms: int) -> None:
        """See ``WorkerEvents.router_behind``."""
        for one in self._listeners:
            one.router_behind(shard, ms)

    def put_failed(self, reason: str, attempt: int) -> None:
        """See ``WorkerEvents.put_failed``."""
        for one in self._listeners:
            one.put_failed(reason, attempt)

    def router_left(self, shard: str) -> None:
        """See ``WorkerEvents.router_left``."""
        for one in self._listeners:
            one.router_left(shard)

    def bucket_taken(self, bucket: int) -> None:
        """See ``WorkerEvents.bucket_taken``."""
        for one in self._listeners:
            one.bucket_taken(bucket)

    def bucket_left(self, bucket: int) -> None:
        """See ``WorkerEvents.bucket_left``."""
        for one in self._listeners:
            one.bucket_left(bucket)

    def bundle_refused(self, reason: str) -> None:
        """See ``WorkerEvents.bundle_refused``."""
        for one in self._listeners:
            one.bundle_refused(reason)
