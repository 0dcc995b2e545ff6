"""A Kinesis record, as every source hands it to the partition."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, order=True, gc=False):
    """A record as the GetRecords API returns it.

    ``arrival``: ApproximateArrivalTimestamp in epoch milliseconds, UTC. ``sequence_number``:
    opaque; unique and increasing within its shard. ``data``: the record's bytes, decoded from
    base64; perhaps a KPL aggregate.
    """

    shard: str
    sequence_number: str
    arrival: int
    data: bytes
    partition_key: str
