"""GetRecords answers decoded in one typed pass, base64 included, in place of botocore's parse.

botocore parses an answer by walking its model, which costs a core more than all that the worker
does with the records. It says before it parses what came, and lets a handler add to the result:
the handler here decodes the body, adds what it found, and leaves botocore nothing to parse.

Whatever isn't plainly right is left to botocore as it is: errors, odd types, lenient base64. So
the outcome is the same with and without the handler, and would be if botocore stopped calling it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from worker.aws.client_events import ClientEvents

_LAST_SECOND: Final = 253_402_300_799.0  # of the year 9999, where botocore's own reading ends
_KEY: Final = "TypedAnswer"


class TypedRecord(msgspec.Struct, gc=False):
    """A record of an answer; the arrival in epoch seconds."""

    SequenceNumber: str
    ApproximateArrivalTimestamp: Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]
    Data: bytes
    PartitionKey: str


class TypedChild(msgspec.Struct):
    """A shard that came from the one that has ended."""

    ShardId: str
    ParentShards: list[str]


class TypedAnswer(msgspec.Struct):
    """An answer, as far as it is read."""

    Records: list[TypedRecord]
    NextShardIterator: str | None = None
    MillisBehindLatest: int | None = None
    ChildShards: list[TypedChild] | None = None


def decode_typed(events: ClientEvents) -> None:
    """Have the GetRecords answers of the client that ``events`` belong to decoded here."""
    events.register("before-parse.kinesis.GetRecords", _before_parse)


def typed_answer(fields: Mapping[str, Any]) -> TypedAnswer | None:
    """What was decoded here; None if botocore has parsed the answer itself."""
    return fields.get(_KEY)


def _before_parse(**told: Any) -> None:
    response, added = told.get("response_dict"), told.get("customized_response_dict")
    if not isinstance(response, dict) or not isinstance(added, dict):
        return
    body = response.get("body")
    if response.get("status_code") != 200 or not isinstance(body, bytes):
        return
    try:
        # msgspec looks at the encoding of what it reads only, json at everything's
        added[_KEY] = _decode(body if body.isascii() else body.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    response["body"] = b"{}"


_decode: Final = msgspec.json.Decoder(TypedAnswer).decode
