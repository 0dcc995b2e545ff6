"""KPL aggregates: several user records in one Kinesis record.

The format is four magic bytes, a protobuf message and the MD5 of that message. Message definitions
are aws-kinesis-agg's; the loop is our own, so that one bad sub-record never invalidates the rest of
its aggregate.
"""

from __future__ import annotations

from hashlib import md5
from typing import Final

from aws_kinesis_agg.deaggregator import messages_pb2  # the only import path of its messages
from google.protobuf.message import DecodeError

from worker.errors import Unreadable

MAGIC: Final = b"\xf3\x89\x9a\xc2"
_DIGEST_SIZE: Final = 16


def user_records(data: bytes) -> list[bytes] | None:
    """Return the sub-records of an aggregate in order; None if ``data`` isn't an aggregate.

    Partition keys are ignored: a sub-record whose index points at none is read all the same. Raises
    ``Unreadable`` for an aggregate that is damaged or empty.
    """
    if not data.startswith(MAGIC):
        return None
    message, digest = memoryview(data)[len(MAGIC) : -_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if len(data) < len(MAGIC) + _DIGEST_SIZE or _digest(message) != digest:
        raise Unreadable("KPL aggregate: checksum differs")
    try:
        aggregate = messages_pb2.AggregatedRecord.FromString(message)
    except DecodeError as error:
        raise Unreadable("KPL aggregate: no valid message") from error
    if not aggregate.records:
        raise Unreadable("KPL aggregate: empty")
    return [record.data for record in aggregate.records]


def _digest(message: bytes | memoryview) -> bytes:
    return md5(message, usedforsecurity=False).digest()


def sealed(body: bytes) -> bytes:
    """Return ``body`` with the magic number and the digest that make it an aggregated record."""
    return MAGIC + body + _digest(body)
