"""Aggregated Kinesis records, in the format of the Kinesis Producer Library."""

from __future__ import annotations

from collections.abc import Sequence

from aws_kinesis_agg.deaggregator import messages_pb2  # only this makes the messages importable

from worker.events.kpl import sealed


def aggregate(partition_key: str, user_records: Sequence[bytes]) -> bytes:
    """An aggregated record of ``user_records``, all with ``partition_key``."""
    message = messages_pb2.AggregatedRecord()
    message.partition_key_table.append(partition_key)
    for data in user_records:
        message.records.add(partition_key_index=0, data=data)
    return sealed(message.SerializeToString())
