"""A fleet's streams are those of its layout, and its shards' hash keys are known."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from worker.errors import StreamReplaced, VoiceInsightsError
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
