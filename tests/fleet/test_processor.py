"""Records keep their places when an engine has opened their aggregates."""

from __future__ import annotations

from worker.fleet.processor import leased_records
from worker.stream.record import Record


def _record(sequence: str) -> Record:
    return Record("shardId-000000000000", sequence, 0, b"", "key")


def test_plain_records_have_no_place_in_an_aggregate() -> None:
    assert [one.sub_sequence for one in leased_records([(_record("1"), 0), (_record("2"), 0)])] == [
        None,
        None,
    ]


def test_records_of_an_aggregate_are_numbered_from_its_first() -> None:
    delivered = [(_record("1"), 0), (_record("2"), 0), (_record("2"), 1), (_record("3"), 0)]
    assert [one.sub_sequence for one in leased_records(delivered)] == [None, 0, 1, None]


def test_what_remains_of_an_aggregate_keeps_its_places() -> None:
    assert [one.sub_sequence for one in leased_records([(_record("2"), 4), (_record("2"), 5)])] == [
        4,
        5,
    ]


def test_no_records_have_no_places() -> None:
    assert leased_records([]) == []
