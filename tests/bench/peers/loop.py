"""The loop that people write: boto3, json.loads, a list per session and metric.

It keeps no positions, knows no duplicates, closes no session and forgets nothing; it fetches one
shard after the other. ``append_json`` is its heart, and is what the other peers are given, too.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from typing import Any

import boto3
from pydantic import BaseModel

from tests.bench.peers.measured import Stopwatch, tell

GATEWAY = "com.twilio.voice.insights.call-event.gateway"
SESSIONS: dict[str, list[tuple[str, int, str, Any]]] = defaultdict(list)


def append_json(data: bytes) -> None:
    """One event into the list of its session."""
    event = json.loads(data)
    if event["type"] != GATEWAY:
        return
    call = event["data"]
    if isinstance(call, str):
        call = json.loads(call)
    relay = call.get("conversation_relay_data")
    if relay:
        name = relay.get("name") or call["name"]
        SESSIONS[relay["session_id"]].append(
            (call["timestamp"], relay["sequence_number"], name, relay.get(name))
        )


class Relay(BaseModel):
    session_id: str
    sequence_number: int
    name: str | None = None
    stt_latency: dict[str, Any] | None = None
    tts_latency: dict[str, Any] | None = None
    interrupt: dict[str, Any] | None = None
    last_token_received: dict[str, Any] | None = None
    configurations: dict[str, Any] | None = None
    language_changed: dict[str, Any] | None = None
    call_wrap_up: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


class CallData(BaseModel):
    timestamp: str = ""
    name: str = ""
    call_sid: str = ""
    conversation_relay_data: Relay | None = None


class CloudEvent(BaseModel):
    """An event for those who like to have it validated."""

    type: str
    data: CallData | str


def append_validated(data: bytes) -> None:
    """As ``append_json``, by pydantic."""
    append_event(CloudEvent.model_validate_json(data))


def append_event(event: CloudEvent) -> None:
    if event.type != GATEWAY:
        return
    call = event.data
    if isinstance(call, str):
        call = CallData.model_validate_json(call)
    relay = call.conversation_relay_data
    if relay is not None:
        name = relay.name or call.name
        SESSIONS[relay.session_id].append(
            (call.timestamp, relay.sequence_number, name, getattr(relay, name, None))
        )


def consume(client: Any, stream: str, records: int) -> int:
    """Go round the shards until so many records have come."""
    iterators = {
        shard["ShardId"]: client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for shard in client.list_shards(StreamName=stream)["Shards"]
    }
    seen = 0
    while seen < records:
        for shard, iterator in iterators.items():
            answer = client.get_records(ShardIterator=iterator)
            iterators[shard] = answer["NextShardIterator"]
            for record in answer["Records"]:
                append_json(record["Data"])
            seen += len(answer["Records"])
    return seen


def main(endpoint: str, stream: str, records: int) -> None:
    client = boto3.client("kinesis", region_name="us-east-1", endpoint_url=endpoint)
    client.list_shards(StreamName=stream)
    watch = Stopwatch()
    with watch.running():
        seen = consume(client, stream, records)
    tell(records=seen, cpu_s=watch.cpu_s, wall_s=watch.wall_s)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
