"""A fleet's streams are those of its layout, and its shards' hash keys are known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from worker.errors import Misconfigured, StreamReplaced, VoiceInsightsError
from worker.fleet.streams import HashRanges, require_stream_of, stream_identity, stream_name
from worker.sources.kinesis.lineage import StreamDescription

CALLS = StreamDescription("arn:aws:kinesis:us-east-1:1:stream/calls", 1_780_000_000_000, 0, 0, ())


class Listing:
    """Lists ``shards`` in pages of one."""

    def __init__(self, *shards: str) -> None:
        self.shards = shards
        self.requests: list[Mapping[str, object]] = []

    def list_shards(self, **request: object) -> Mapping[str, object]:
        self.requests.append(request)
        number = int(str(request.get("NextToken", 0)))
        keys = {"StartingHashKey": f"{number}0", "EndingHashKey": f"{number}9"}
        page: dict[str, object] = {
            "Shards": [{"ShardId": one, "HashKeyRange": keys} for one in self.shards[number:][:1]]
        }
        return page if number + 1 >= len(self.shards) else {**page, "NextToken": str(number + 1)}


def test_a_stream_made_anew_under_its_name_is_refused() -> None:
    require_stream_of(stream_identity(CALLS), CALLS)
    with pytest.raises(StreamReplaced, match="created"):
        require_stream_of(stream_identity(CALLS), CALLS._replace(created=CALLS.created + 1))


def test_engines_get_a_streams_name() -> None:
    assert stream_name("calls") == stream_name(CALLS.arn) == "calls"


def test_hash_keys_are_found_on_any_page() -> None:
    listing = Listing("a", "b", "c")
    assert HashRanges(listing, "keyed", lambda _: None).of("c") == (20, 29)
    assert listing.requests == [{"StreamName": "keyed"}, {"NextToken": "1"}, {"NextToken": "2"}]


def test_a_shard_that_is_not_listed_yet_is_asked_for_again() -> None:
    listing = Listing("a")

    def sleep(_seconds: float) -> None:
        listing.shards = ("a", "b")

    assert HashRanges(listing, "keyed", sleep).of("b") == (10, 19)


def test_a_shard_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(VoiceInsightsError, match="no shard b"):
        HashRanges(Listing("a"), "keyed", lambda _: None).of("b")


class Failing(Listing):
    """Fails so often at first."""

    def __init__(self, failures: int, error: Exception) -> None:
        super().__init__("a")
        self._failures = failures
        self._error = error

    def list_shards(self, **request: object) -> Mapping[str, object]:
        self._failures -= 1
        if self._failures >= 0:
            raise self._error
        return super().list_shards(**request)


def refusal(code: str) -> ClientError:
    answer = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, "ListShards")


@pytest.mark.parametrize(
    "error",
    [ConnectTimeoutError(endpoint_url="https://kinesis.test"), refusal("ExpiredTokenException")],
)
def test_a_listing_that_fails_for_a_while_is_retried(error: Exception) -> None:
    assert HashRanges(Failing(3, error), "keyed", lambda _: None).of("a") == (0, 9)
    with pytest.raises(VoiceInsightsError):
        HashRanges(Failing(99, error), "keyed", lambda _: None).of("a")


def test_a_listing_that_is_denied_is_an_error_at_once() -> None:
    with pytest.raises(Misconfigured):
        HashRanges(Failing(1, refusal("AccessDeniedException")), "keyed", lambda _: None).of("a")
