"""kcl-rs, polling, with json.loads in its record processor; leases in an embedded DynamoDB.

The watch runs from the first record to the last: finding leases takes it half a minute, and would
take a minute and more if it looked as seldom as by default. What it has fetched before the first
record is handed over, some of the shards' first answers, is not counted against it.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from kcl_rs import ProcessRecordsInput, RecordProcessorBase, Scheduler

from tests.bench.peers.loop import append_json
from tests.bench.peers.measured import tell


class Counting:
    """Shared by all shards' processors, which are called by threads of their own."""

    def __init__(self, records: int) -> None:
        self.lock = threading.Lock()
        self.left = records
        self.seen = 0
        self.begun: tuple[float, float] | None = None
        self.done = threading.Event()


def processor_of(counting: Counting) -> type[RecordProcessorBase]:
    class Appending(RecordProcessorBase):
        def process_records(self, process_records_input: ProcessRecordsInput) -> None:
            with counting.lock:
                if counting.begun is None:
                    counting.begun = (time.process_time(), time.perf_counter())
                for record in process_records_input.records:
                    append_json(record.binary_data)
                counting.seen += len(process_records_input.records)
                if counting.seen >= counting.left:
                    counting.done.set()

        def initialize(self, initialize_input: object) -> None:
            pass

        def lease_lost(self, lease_lost_input: object) -> None:
            pass

        def shard_ended(self, shard_ended_input: object) -> None:
            pass

        def shutdown_requested(self, shutdown_requested_input: object) -> None:
            pass

    return Appending


def main(endpoint: str, stream: str, records: int) -> None:
    counting = Counting(records)
    scheduler = Scheduler(
        stream_name=stream,
        application_name=f"bench-{os.getpid()}",
        record_processor_factory=processor_of(counting),
        region="us-east-1",
        initial_position="TRIM_HORIZON",
        retrieval_mode="POLLING",
        max_records=10_000,
        idle_time_between_reads_millis=250,
        shard_sync_interval_millis=10_000,
        endpoint_url=endpoint,
    )
    scheduler.start()
    counting.done.wait()
    assert counting.begun is not None
    cpu, wall = counting.begun
    tell(
        records=counting.seen,
        cpu_s=time.process_time() - cpu,
        wall_s=time.perf_counter() - wall,
    )
    os._exit(0)  # its own shutdown waits for leases to run out


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
