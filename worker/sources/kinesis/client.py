"""The Kinesis API through boto3. Shell.

boto3's own retries are off: the reader paces its calls itself, and retries that it doesn't see
would exceed the rate that a shard allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Final, Protocol

import boto3
import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from worker.aws.answers import NotTheService
from worker.aws.clients import MALFORMED_RESPONSE, THROTTLED, client_errors, no_retry_config
from worker.aws.errors import drop_tracebacks, not_of, passes, words_of
from worker.sources.kinesis.answers import (
    IteratorAnswer,
    KinesisResponse,
    ListedShard,
    ListingPage,
    ParsedAnswer,
    SummaryAnswer,
    answer_of_parsed,
    answer_of_typed,
    checked,
    description_of,
    epoch_ms,
)
from worker.sources.kinesis.api import RecordsAnswer, StreamFailure, StreamFailureKind
from worker.sources.kinesis.clocks import ClockDoubt, supported
from worker.sources.kinesis.lineage import StreamDescription
from worker.sources.kinesis.typed_answers import decode_typed, typed_answer
from worker.stream.position import Position


class KinesisClient(Protocol):
    """The methods of boto3's client that are used."""

    def describe_stream_summary(self, **request: object) -> KinesisResponse:
        """DescribeStreamSummary."""

    def list_shards(self, **request: object) -> KinesisResponse:
        """ListShards."""

    def get_shard_iterator(self, **request: object) -> KinesisResponse:
        """GetShardIterator."""

    def get_records(self, **request: object) -> KinesisResponse:
        """GetRecords."""


_KINDS: Final = {
    **dict.fromkeys(THROTTLED, StreamFailureKind.THROTTLED),
    "ExpiredIteratorException": StreamFailureKind.EXPIRED,
    "ExpiredNextTokenException": StreamFailureKind.UNAVAILABLE,  # the listing took too long
    "ResourceInUseException": StreamFailureKind.UNAVAILABLE,  # the stream is being created
    "InvalidArgumentException": StreamFailureKind.REFUSED,
    "ResourceNotFoundException": StreamFailureKind.GONE,
}
_ITERATOR_TYPES: Final = {
    "after": "AFTER_SEQUENCE_NUMBER",
    "at_timestamp": "AT_TIMESTAMP",
    "trim_horizon": "TRIM_HORIZON",
}
_NO_ANSWER: Final = (*MALFORMED_RESPONSE, msgspec.ValidationError)
_FAILURES: Final = (BotoCoreError, ClientError, ResponseParserError, *_NO_ANSWER)
"""The errors of a call and of the check of its answer; nothing else runs inside the ``try``."""


def open_stream(
    stream: str,
    session: boto3.Session,
    *,
    region: str | None,
    endpoint: str | None,
    threads: int,
    now: Callable[[], int] | None,
    parsed_slowly: Callable[[int], None] = lambda _: None,
) -> Kinesis:
    """Open the stream of that name or ARN with the credentials of ``session``.

    ``threads``: how many threads will call at once. ``region`` and ``endpoint``: None leaves them
    to boto3's environment and files. ``now`` and ``parsed_slowly``: see Kinesis. Raises
    Misconfigured if there is no region, or the endpoint isn't a URL.
    """
    with client_errors("Kinesis"):
        client = session.client(
            "kinesis", region_name=region, endpoint_url=endpoint, config=no_retry_config(threads)
        )
    decode_typed(client.meta.events)
    return Kinesis(client, stream, parsed_slowly, now=now, address=client.meta.endpoint_url)


class Kinesis:
    """One stream as the reader's KinesisApi; ``stream`` is its name or ARN. Thread-safe.

    ``parsed_slowly`` is called with the number of answers, so far, that botocore has parsed itself.
    ``now``: this machine's clock (epoch ms), which has to support the dates of answers; without it
    each date is believed. ``address``: the service's address, for messages.
    """

    def __init__(
        self,
        client: KinesisClient,
        stream: str,
        parsed_slowly: Callable[[int], None] = lambda _: None,
        *,
        now: Callable[[], int] | None = None,
        address: str = "",
    ) -> None:
        self._client = client
        self._now = now
        self._address = address
        self._parsed_slowly = parsed_slowly
        self._slow = count(1)
        self._stream = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
        # GetRecords needs only the iterator, but finds an account's own endpoint by ARN.
        self._arn = {key: value for key, value in self._stream.items() if key == "StreamARN"}

    def describe(self) -> StreamDescription | StreamFailure:
        """Call DescribeStreamSummary, then ListShards, page by page."""
        try:
            fields = self._client.describe_stream_summary(**self._stream)
            summary = checked(fields, SummaryAnswer).StreamDescriptionSummary
            date = self._dated(_headers(fields)["date"])
            shards = self._list_shards()
        except _FAILURES as error:
            return self._failure(error)
        return description_of(summary, date, shards)

    def shard_iterator(self, shard: str, position: Position) -> str | StreamFailure:
        """Call GetShardIterator."""
        request: dict[str, object] = {"ShardIteratorType": _ITERATOR_TYPES[position.kind]}
        if position.kind == "after":
            request["StartingSequenceNumber"] = position.value
        elif position.kind == "at_timestamp":
            request["Timestamp"] = datetime.fromtimestamp(int(position.value) / 1000, UTC)
        try:
            fields = self._client.get_shard_iterator(ShardId=shard, **request, **self._stream)
            return checked(fields, IteratorAnswer).ShardIterator
        except _FAILURES as error:
            return self._failure(error)

    def get_records(self, shard: str, iterator: str) -> RecordsAnswer | StreamFailure:
        """Call GetRecords. A failure after the answer is known to be Kinesis's is raised."""
        try:
            fields = self._client.get_records(ShardIterator=iterator, **self._arn)
            answer = typed_answer(fields) or checked(fields, ParsedAnswer)
            stamp = _headers(fields).get("date")
            date = None if stamp is None else self._dated(stamp)
        except _FAILURES as error:
            failure = self._failure(error)
            if failure.kind is StreamFailureKind.REFUSED:  # an iterator is the only argument
                return failure._replace(kind=StreamFailureKind.EXPIRED)
            return failure
        if isinstance(answer, ParsedAnswer):
            self._parsed_slowly(next(self._slow))
            return answer_of_parsed(shard, answer, date)
        return answer_of_typed(shard, answer, date)

    def _list_shards(self) -> list[ListedShard]:
        shards: list[ListedShard] = []
        request: KinesisResponse = self._stream
        while True:
            page = checked(self._client.list_shards(**request), ListingPage)
            shards += page.Shards
            if not page.NextToken:
                return shards
            request = {"NextToken": page.NextToken}

    def _dated(self, stamp: str) -> int | ClockDoubt:
        """Return the time of an answer by its date, as far as that can be believed."""
        server = epoch_ms(parsedate_to_datetime(stamp))
        return server if self._now is None else supported(server, self._now())

    def _failure(self, error: Exception) -> StreamFailure:
        drop_tracebacks(error)
        kind, words = _classified(error)
        known = not self._address or self._address in words
        return StreamFailure(kind, words if known else f"{words} (at {self._address})")


def _headers(answer: KinesisResponse) -> Mapping[str, str]:
    headers: Mapping[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]
    return headers


def _classified(error: Exception) -> tuple[StreamFailureKind, str]:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        kind = StreamFailureKind.UNAVAILABLE if status >= 500 else StreamFailureKind.DENIED
        return _KINDS.get(code, kind), words_of(error)
    if isinstance(error, BotoCoreError):
        return StreamFailureKind.UNAVAILABLE if passes(
            error
        ) else StreamFailureKind.DENIED, words_of(error)
    if isinstance(error, NotTheService):
        return StreamFailureKind.UNAVAILABLE, words_of(error)
    if isinstance(error, msgspec.ValidationError):  # which quotes no values
        return StreamFailureKind.UNAVAILABLE, f"what answers is not Kinesis: {error}"
    return StreamFailureKind.UNAVAILABLE, not_of("Kinesis", error)
