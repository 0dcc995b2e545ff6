"""Progress as the service tells it, for tests of what is made of it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from worker.partition.accounting import ACCOUNTED
from worker.service.letter_news import LetterNews
from worker.service.ports import WorkerStatus
from worker.service.shards import ShardProgress
from worker.state.store import Backlog
from worker.telemetry.facts import ProcessFacts

NOW: Final = 1_790_942_400_000
"""2026-10-02T12:00:00Z, in epoch ms."""


def progress(**changed: Any) -> WorkerStatus:
    """Two shards, one of them 4 s ahead of the other, at ``NOW``."""
    counters = {
        **dict.fromkeys(ACCOUNTED, 0),
        "occurrences": 10,
        "events": 8,
        "ignored": 2,
        "folded": 7,
        "duplicates": 1,
        "sessions_opened": 5,
        "sessions_closed": 2,
    }
    whole = WorkerStatus(
        stream_time=NOW - 9000,
        sessions=4,
        cross_shard=1,
        counters=counters,
        backlog=Backlog(3, 70, 1, NOW - 2000),
        backpressure=0.25,
        shards={
            "shard-0": ShardProgress(1500, NOW - 9000, paused=False),
            "shard-1": ShardProgress(0, NOW - 5000, paused=True),
        },
        state_size=4096,
        commit_s=0.25,
        window={},
        waits=Counter(),
        found_sparse=False,
        records=[],
        letters=LetterNews(Counter(), []),
    )
    return whole._replace(**changed)


FACTS: Final = ProcessFacts("0.9.1", "3.11.7", 1_790_942_400.25, 1.5, 4096, 8192, 7, 1024)
