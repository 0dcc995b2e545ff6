"""Merging calls: by time, whole, and no more in memory than the calls under way."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from worker.twilio.merging import SHARD, Beginning, merged
from worker.twilio.report_rows import ReportedCallEvent

CALLS = st.dictionaries(
    st.text("ABC", min_size=1, max_size=3),
    st.lists(st.integers(0, 50), min_size=1, max_size=8).map(sorted),
    max_size=8,
)


def events(calls: dict[str, list[int]]) -> dict[str, list[ReportedCallEvent]]:
    return {
        call: [ReportedCallEvent(at, f"{call}{n}".encode()) for n, at in enumerate(times)]
        for call, times in calls.items()
    }


def beginnings(calls: dict[str, list[int]]) -> list[Beginning]:
    return [Beginning(times[0], call) for call, times in calls.items()]


@given(CALLS)
def test_records_come_by_time_call_and_position(calls: dict[str, list[int]]) -> None:
    by_call = events(calls)
    records = list(merged(beginnings(calls), by_call.__getitem__))
    assert [(one.arrival, one.partition_key, one.data) for one in records] == sorted(
        (event.arrival, call, event.data) for call, own in by_call.items() for event in own
    )
    assert [one.sequence_number for one in records] == [str(n) for n in range(1, len(records) + 1)]
    assert {one.shard for one in records} <= {SHARD}


@given(CALLS)
def test_a_call_is_loaded_once_and_not_before_it_begins(calls: dict[str, list[int]]) -> None:
    by_call = events(calls)
    loaded: list[str] = []

    def load(call: str) -> Sequence[ReportedCallEvent]:
        loaded.append(call)
        return by_call[call]

    for record in merged(beginnings(calls), load):
        later = [call for call in loaded if calls[call][0] > record.arrival]
        # the one that is loaded next tells that all before its beginning is there
        assert later == []
    assert sorted(loaded) == sorted(calls)
