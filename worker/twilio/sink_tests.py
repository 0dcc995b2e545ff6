"""Waiting for a sink's test event on the stream. Shell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from worker.aws.sessions import open_session
from worker.events.decode import decode_all
from worker.events.occurrence import SinkTest
from worker.sources.kinesis.client import open_stream
from worker.sources.kinesis.lineage import first_positions
from worker.sources.kinesis.reader import Reader, describe_stream

_THREADS = 4


class SinkTestReader:
    """Reads the records that arrive on a stream from now on, to find the test event."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def wait(self, longest_s: float) -> str | None:
        """Return the ``test_id`` of the first test event; None if none arrives in ``longest_s``."""
        until = time.monotonic() + longest_s
        while (left_s := until - time.monotonic()) > 0:
            for batch in self._reader.poll(left_s):
                for delivery in decode_all(batch.records):
                    if isinstance(delivery.occurrence, SinkTest) and delivery.occurrence.test_id:
                        return delivery.occurrence.test_id
        return None


@contextmanager
def reading_from_now(
    stream: str, region: str | None, endpoint: str | None
) -> Iterator[SinkTestReader]:
    """Open a reader of ``stream`` (name or ARN) that misses no record arriving within the block.

    Raises the errors of the worker's start for a stream that can't be read.
    """
    api = open_stream(
        stream,
        open_session(),
        region=region,
        endpoint=endpoint,
        threads=_THREADS,
        now=lambda: time.time_ns() // 1_000_000,
    )
    survey = describe_stream(api)
    positions = first_positions(survey, "latest")
    reader = Reader(api, positions, survey.created, lambda _: None, threads=_THREADS)
    reader.start()
    try:
        yield SinkTestReader(reader)
    finally:
        reader.stop()
