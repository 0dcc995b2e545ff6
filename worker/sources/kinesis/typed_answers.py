"""GetRecords answers decoded in one typed pass, base64 included, in place of botocore's parser.

botocore parses an answer by walking its model, which costs a core more than all that the worker
does with the records. Before parsing, it emits an event with the response, and lets a handler add
to the result: the handler here decodes the body, adds the result, and leaves botocore nothing to
parse.

Everything that isn't plainly valid is left to botocore unchanged: errors, odd types, lenient
base64. So the result is the same with and without the handler, and would be if botocore stopped
calling it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from worker.aws.client_events import ClientEvents

_LAST_SECOND: Final = 253_402_300_799.0  # of the year 9999, the last that botocore accepts
_KEY: Final = "TypedAnswer"


class TypedRecord(msgspec.Struct, gc=False):
    """A record of an answer; the arrival time in epoch seconds."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]
    Data: bytes
    PartitionKey: str


class TypedChild(msgspec.Struct):
    """A child of the shard that has ended."""

    ShardId: str
    ParentShards: list[str]


class TypedAnswer(msgspec.Struct):
    """An answer; only the fields used."""

    Records: list[TypedRecord]
    NextShardIterator: str | None = None
    MillisBehindLatest: int | None = None
    ChildShards: list[TypedChild] | None = None


def decode_typed(events: ClientEvents) -> None:
    """Register the decoder for GetRecords answers with the client that ``events`` belong to."""
    events.register("before-parse.kinesis.GetRecords", _before_parse)


def typed_answer(fields: Mapping[str, Any]) -> TypedAnswer | None:
    """Return the answer decoded here; None if botocore has parsed it itself."""
    return fields.get(_KEY)


def _before_parse(**event: Any) -> None:
    response, added = event.get("response_dict"), event.get("customized_response_dict")
    if not isinstance(response, dict) or not isinstance(added, dict):
        return
    body = response.get("body")
    if response.get("status_code") != 200 or not isinstance(body, bytes):
        return
    try:
        # msgspec checks the encoding only of the fields it reads, json that of everything
        added[_KEY] = _decode(body if body.isascii() else body.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    response["body"] = b"{}"


_decode: Final = msgspec.json.Decoder(TypedAnswer).decode
