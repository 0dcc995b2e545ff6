"""async-kinesis, its defaults but for the pace: what a shard allows, no rest at its tip."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from kinesis import Consumer
from kinesis.processors import StringProcessor

from tests.bench.peers.loop import append_json
from tests.bench.peers.measured import Stopwatch, tell


class Appending(StringProcessor):  # type: ignore[misc]  # its package has no types
    """Hands on the record as it came; json.loads runs in ``append_json`` as for all others."""

    def deserialize(self, data: bytes) -> Any:
        return data


async def consume(endpoint: str, stream: str, records: int) -> None:
    watch = Stopwatch()
    seen = 0
    async with Consumer(
        stream_name=stream,
        endpoint_url=endpoint,
        region_name="us-east-1",
        processor=Appending(),
        shard_fetch_rate=5,
        sleep_time_no_records=0.05,
        max_queue_size=100_000,
    ) as consumer:
        with watch.running():
            while seen < records:
                async for data in consumer:
                    append_json(data)
                    seen += 1
                    if seen == records:
                        break
    tell(records=seen, cpu_s=watch.cpu_s, wall_s=watch.wall_s)


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
