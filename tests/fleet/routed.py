"""Records on their way through bundles, without a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from tests.events.fuzzing import REAL, mutated, odd_event
from tests.scenes import BASE, cloud_event
from worker.events.decode import Delivery
from worker.fleet.bundles import Bundle, BundleItem, SourceProgress
from worker.fleet.keys import items_by_bucket
from worker.fleet.layout import Layout
from worker.fleet.processor import LeasedRecord
from worker.fleet.receipt import Receipt
from worker.stream.record import Record
from worker.testing.aggregates import aggregate
from worker.testing.habits import Habits
from worker.testing.pinecall_traffic import pinecall_events

ARRIVAL: Final = BASE + 60_000
LAYOUT: Final = Layout(
    source="calls, created 2026-10-01T08:00:00.000Z",
    keyed="calls-keyed, created 2026-10-01T08:00:00.000Z",
    buckets=8,
)
SHARD: Final = "shardId-000000000000"
PINECALL: Final = [
    data for seed in range(3) for _, data in pinecall_events(Random(seed), Habits(), BASE)
]


def record(data: bytes, number: int = 49) -> Record:
    return Record(SHARD, str(number), ARRIVAL, data, "key")


def received(bucket: int, items: list[BundleItem], layout: Layout = LAYOUT) -> list[Delivery]:
    """What a bucket that has nothing yet makes of items."""
    through = items[-1].sequence_number
    bundle = Bundle(layout.fingerprint, bucket, SourceProgress(SHARD, "", through), items)
    (batch,) = Receipt(layout, bucket, {}).take(bundle).batches
    return batch.deliveries


def by_bucket(records: Iterable[LeasedRecord]) -> dict[int, list[Delivery]]:
    """What each bucket makes of its part of the records."""
    found = items_by_bucket(records, LAYOUT)
    return {bucket: received(bucket, items) for bucket, items in found.items()}


def odd_pinecall_events() -> st.SearchStrategy[bytes]:
    """Pinecall's events with odd values where events have others."""
    odd: st.SearchStrategy[Any] = st.sampled_from(
        [None, True, "", " ", "x" * 300, 2**63, 1.0, [], {}, "\ud800", "CA-other"]
    )
    fields = st.sampled_from(["session", "call", "account", "sequence_number", "timestamp", "name"])
    return st.builds(
        _changed,
        st.sampled_from(PINECALL),
        st.dictionaries(fields, odd, max_size=2),
        st.booleans(),
        st.booleans(),
    )


def _changed(data: bytes, odd: dict[str, Any], without: bool, as_text: bool) -> bytes:
    whole = json.loads(data)
    whole["data"].update(odd)
    if without:
        del whole["data"]["session"]
    if as_text:
        whole["data"] = json.dumps(whole["data"])
    return json.dumps(whole).encode()


USER_RECORDS: Final = st.one_of(
    st.sampled_from([*REAL[:60], *PINECALL[:60]]),
    st.sampled_from([b"", b"{}", b"[]", b"7", cloud_event(0, "dtmf"), b"\xf3\x89\x9a\xc2"]),
    st.builds(lambda n: cloud_event(0, "dtmf", session_id=f"VX{n}"), st.integers(0, 30)),
    mutated(REAL),
    mutated(PINECALL),
    odd_event(),
    odd_pinecall_events(),
)
"""One CloudEvent, or what chance makes of it."""

SEVERAL: Final = st.one_of(
    USER_RECORDS,
    st.lists(USER_RECORDS, max_size=5).map(lambda some: b"[" + b",".join(some) + b"]"),
    st.lists(USER_RECORDS, max_size=5).map(b"\n".join),
)
"""A CloudEvent, a list of some, or several documents, of both platforms."""

ANY_RECORDS: Final = st.one_of(
    SEVERAL,
    st.lists(SEVERAL, max_size=5).map(lambda some: aggregate("key", some)),
    st.lists(SEVERAL, max_size=2).map(lambda some: aggregate("key", some)[:-1]),
)
"""All that a record may hold."""
