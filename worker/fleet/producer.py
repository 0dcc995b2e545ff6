"""Puts bundles and marks into the keyed stream, until all are acknowledged. Shell.

A bundle whose put has no known outcome is put again: buckets drop repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import boto3

from worker.aws.clients import client_errors, no_retry_config
from worker.aws.errors import aws_errors, expecting_an_answer
from worker.backoff import full_jitter
from worker.errors import VoiceInsightsError
from worker.fleet.layout import Layout
from worker.fleet.routing import BundlePut
from worker.fleet.streams import may_pass
from worker.producer.put_records import PutEntry, StreamWriter, stream_argument

_MOST_RECORDS: Final = 500  # of one PutRecords request
_MOST_BYTES: Final = 4_500_000  # of its 5 MiB, partition keys included
_KEY_BYTES: Final = 16
_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0

PutFailedHook = Callable[[str, int], object]
"""Called with the reason why records were not accepted, and the number of failures in a row; must
neither block nor raise.
"""


def keyed_stream_client(
    session: boto3.Session, region: str | None, endpoint: str | None, threads: int
) -> StreamWriter:
    """Return a client of Kinesis without retries of its own, for as many ``threads`` at once."""
    with client_errors("Kinesis"):
        client: StreamWriter = session.client(
            "kinesis", region_name=region, endpoint_url=endpoint, config=no_retry_config(threads)
        )
    return client


class BundleProducer:
    """Puts into ``stream``; safe for threads.

    ``wait``: called with seconds before another attempt; returns False once the process stops, and
    then the remaining records aren't put. ``random`` returns numbers in [0, 1).
    """

    def __init__(
        self,
        layout: Layout,
        stream: str,
        client: StreamWriter,
        wait: Callable[[float], bool],
        random: Callable[[], float],
        failed: PutFailedHook = lambda _reason, _attempt: None,
    ) -> None:
        self._layout = layout
        self._stream = stream
        self._client = client
        self._wait = wait
        self._random = random
        self._failed = failed

    def put(self, puts: Sequence[BundlePut]) -> bool:
        """Put all of these, in any order; return whether all are acknowledged. They are retried
        until then, or until the process stops. Raises ``Misconfigured`` if the stream refuses them.
        """
        waiting = [self._entry(one) for one in puts]
        attempt = 0
        while waiting:
            waiting, reason = self._attempt(waiting)
            if not waiting:
                break
            attempt += 1
            self._failed(reason, attempt)
            wait = full_jitter(_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S, attempt, self._random)
            if not self._wait(wait):
                return False
        return True

    def _entry(self, one: BundlePut) -> PutEntry:
        return {
            "Data": one.data,
            "PartitionKey": self._layout.partition_key(one.bucket),
            "ExplicitHashKey": str(self._layout.hash_key(one.bucket)),
        }

    def _attempt(self, waiting: list[PutEntry]) -> tuple[list[PutEntry], str]:
        """Put once; return the entries that are not acknowledged, and the reason."""
        rest: list[PutEntry] = []
        reason = ""
        for request in _requests(waiting):
            try:
                left, code = self._request(request)
            except VoiceInsightsError as error:
                if not may_pass(error):
                    raise
                left, code = request, str(error)
            rest += left
            reason = code or reason
        return rest, reason

    def _request(self, entries: list[PutEntry]) -> tuple[list[PutEntry], str]:
        with aws_errors(self._stream), expecting_an_answer("Kinesis", self._client):
            answer = self._client.put_records(**stream_argument(self._stream), Records=entries)
            results = answer["Records"]
            codes = [one.get("ErrorCode") for one in results]
            left = [entry for entry, code in zip(entries, codes, strict=True) if code]
        return left, next((code for code in reversed(codes) if code), "")


def _requests(entries: list[PutEntry]) -> Iterator[list[PutEntry]]:
    """Divide entries into requests within the limits of PutRecords."""
    request: list[PutEntry] = []
    size = 0
    for entry in entries:
        more = len(entry["Data"]) + _KEY_BYTES
        if request and (len(request) == _MOST_RECORDS or size + more > _MOST_BYTES):
            yield request
            request, size = [], 0
        request.append(entry)
        size += more
    if request:
        yield request
