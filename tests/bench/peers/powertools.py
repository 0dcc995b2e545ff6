"""aws-lambda-powertools' Kinesis parser: Lambda events, fetched by nobody, into models.

Lambda fetches for its functions, so this one is spared HTTP and the answer's parse; it is given
events of 10,000 records, the most there is, as the JSON text that a function's runtime receives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aws_lambda_powertools.utilities.parser.envelopes import KinesisDataStreamEnvelope

from tests.bench.peers.loop import CloudEvent, append_event
from tests.bench.peers.measured import Stopwatch, settle, tell


def main(path: str, records: int) -> None:
    texts = Path(path).read_bytes().splitlines()
    settle()
    envelope = KinesisDataStreamEnvelope()
    watch = Stopwatch()
    seen = 0
    with watch.running():
        for text in texts:
            events = envelope.parse(json.loads(text), CloudEvent)
            for event in events:
                if event is not None:
                    append_event(event)
            seen += len(events)
    assert seen == records, (seen, records)
    tell(records=seen, cpu_s=watch.cpu_s, wall_s=watch.wall_s)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
