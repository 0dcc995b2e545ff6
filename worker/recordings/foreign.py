"""Recognizes files that hold records or events in another form, and names a command to convert
them.

People have the output of the AWS CLI, the input of a Lambda function, or the events themselves.
None of these can be mistaken for a recording, so none needs to be read silently as nothing but
damaged lines.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

HEAD_BYTES: Final = 1 << 16
"""The bytes at a file's beginning by which it is recognized."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"{\x00", b"[\x00", b"\x00{", b"\x00[")
_RECORDS: Final = re.compile(rb'\s*\{\s*"(?:Records|NextShardIterator|MillisBehindLatest)"\s*:')
_LIST: Final = re.compile(rb"\s*\[")
_EVENT: Final = re.compile(rb'\s*\{[^\n]{0,20000}?"(?:specversion|data|type)"\s*:')
_RECORD: Final = re.compile(rb'\s*\{[^{}]*"(?:Data|ApproximateArrivalTimestamp)"\s*:')

_LAMBDA: Final = (
    "{SequenceNumber: .kinesis.sequenceNumber, "
    "ApproximateArrivalTimestamp: .kinesis.approximateArrivalTimestamp, "
    "Data: .kinesis.data, PartitionKey: .kinesis.partitionKey}"
)
_EVENTS: Final = (
    "{ApproximateArrivalTimestamp: (.data.timestamp? // .time), Data: (tojson | @base64)}"
)


class Foreign(NamedTuple):
    """The form of a file, and the command that converts its contents to a recording's file."""

    kind: str
    command: str


def foreign(head: bytes) -> Foreign | None:
    """Return the form of a file that begins with ``head``; None for a recording, or if unknown."""
    if head.startswith(_UTF_16):
        return Foreign("text in UTF-16", "iconv -f UTF-16 -t UTF-8")
    head = head.removeprefix(BYTE_ORDER_MARK)
    if _RECORDS.match(head):
        if b'"kinesis"' in head:
            return Foreign("a Lambda event", f"jq -c '.Records[] | {_LAMBDA}'")
        return Foreign("an answer of GetRecords", "jq -c '.Records[]'")
    each = ".[] | " if _LIST.match(head) else ""
    if b'"kinesis"' in head and b'"approximateArrivalTimestamp"' in head:
        return Foreign("records in Lambda's form", f"jq -c '{each}{_LAMBDA}'")
    if each and _RECORD.match(head.lstrip()[1:]):
        return Foreign("a list of records", "jq -c '.[]'")
    if _RECORD.match(head):
        first, _, _ = head.lstrip().partition(b"\n")
        return Foreign("records over several lines", "jq -c .") if first.strip() == b"{" else None
    if _EVENT.match(head.lstrip()[1:] if each else head.replace(b"\n", b" ")):
        return Foreign("events without their records", f"jq -c '{each}{_EVENTS}'")
    return None
