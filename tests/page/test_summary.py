"""A session's row: what its record says, and the call in small."""

from __future__ import annotations

from msgspec.structs import replace

from tests.page.calls import records
from worker.page.bins import cell_of
from worker.page.samples import instant, samples_of
from worker.page.summary import GROUP_END, STRIP, columns_of, longest_wait, summary_row
from worker.times.minutes import MINUTE, minute_of

LETTER = 0x100
STRIP_LETTER = 0x23


def test_the_longest_wait_is_the_greatest_sample_or_one_that_the_caller_gave_up() -> None:
    given_up = 0
    for one in records():
        waits = [sample.value for sample in samples_of(one) if sample.metric == "CallerWait"]
        found = longest_wait(one)
        if found is None:
            assert not waits
        elif found[1]:
            given_up += 1
            assert found[0] >= max(waits, default=0)
            assert one.abandoned_waits
        else:
            assert found[0] == max(waits)
    assert given_up


def test_without_a_timeline_it_is_the_same_but_for_what_is_spoken_in_it() -> None:
    for one in records():
        found, bare = longest_wait(one), longest_wait(replace(one, timeline=None))
        assert (found is None) == (bare is None)
        assert found is None or bare is None or found[0] <= bare[0]


def parts_of(strip: str) -> list[list[tuple[int, int]]]:
    groups = []
    for letters in strip.removesuffix(GROUP_END).split(GROUP_END):
        at, parts = 0, []
        for gap, length in zip(letters[::2], letters[1::2], strict=True):
            since = at + ord(gap) - STRIP_LETTER
            at = since + ord(length) - STRIP_LETTER
            parts.append((since, at))
        groups.append(parts)
    return groups


def test_a_strip_has_every_part_that_has_both_ends_in_its_place() -> None:
    for one in records():
        timeline = one.timeline
        assert timeline is not None
        lasted = instant(one.ended_at) - instant(one.started_at)
        customer, agent, waits, doubtful = parts_of(summary_row(one)["strip"])
        expected = [
            (STRIP * said.start // lasted, STRIP * said.end // lasted)
            for said in timeline.customer
            if said.start is not None and said.end is not None
        ]
        assert customer == expected
        assert len(agent) == sum(None not in (said.start, said.end) for said in timeline.agent)
        assert len(waits) + len(doubtful) == len(timeline.waits)
        assert len(doubtful) == sum(wait.doubtful for wait in timeline.waits)
        for group in (customer, agent, waits, doubtful):
            assert group == sorted(group)
            assert all(0 <= since <= until <= STRIP for since, until in group)


def test_its_cells_are_those_of_its_waits() -> None:
    for one in records():
        cells = summary_row(one)["cells"]
        waits = [sample for sample in samples_of(one) if sample.metric == "CallerWait"]
        began = minute_of(instant(one.started_at))
        assert [began + (ord(letter) - LETTER) * MINUTE for letter in cells[::2]] == [
            minute_of(s.at) for s in waits
        ]
        assert [ord(letter) - LETTER for letter in cells[1::2]] == [cell_of(s.value) for s in waits]


def test_columns_are_the_rows_turned() -> None:
    rows = [summary_row(one) for one in records()]
    columns = columns_of(rows)
    assert {len(values) for values in columns.values()} == {len(rows)}
    assert columns["began"] == [instant(one.started_at) for one in records()]
