"""Tables for people: what is worst comes first, and what isn't known is a dash."""

from __future__ import annotations

import io
from typing import Any

import msgspec
from rich.table import Table

from tests.scenes import play
from worker.reports.console import console, print_table
from worker.reports.tables import (
    MetricRow,
    call_notes,
    call_table,
    metrics_table,
    sessions_table,
    worst_sessions,
)
from worker.sessions.schema import SessionRecord

ANSWERED = (
    (0, "prompt_sent"),
    (0, "end_of_customer_speech"),
    (600, "first_token_received"),
    (900, "start_of_agent_speech"),
    (4000, "end_of_agent_speech"),
)
WRAP_UP = (5000, "call_wrap_up", {"duration_in_seconds": 5, "end_status": "ended"})


def record(*scene: tuple[Any, ...], **changed: Any) -> SessionRecord:
    made = msgspec.convert(play(*scene).record, SessionRecord)
    return msgspec.structs.replace(made, **changed)


def waiting(name: str, ms: int, *, given_up: bool = False) -> SessionRecord:
    """A session whose caller waited for so long once."""
    scene: tuple[tuple[Any, ...], ...] = (
        (0, "start_of_customer_speech"),
        (1000, "end_of_customer_speech"),
        (1000, "prompt_sent"),
        (1000 + ms, "start_of_agent_speech"),
        (9000 + ms, "end_of_agent_speech"),
    )
    end = ((9500 + ms, "prompt_sent"), (9900 + ms, "interrupt")) if given_up else ()
    return record(*scene, *end, session_id=name)


def cells(table: Table) -> list[list[str]]:
    return [list(row) for row in zip(*(column.cells for column in table.columns), strict=True)]


def printed(table: Table, width: int | None = None) -> str:
    """As on a terminal of so many columns; as on a pipe without."""
    stream = io.StringIO()
    out = console(stream)
    if width is not None:
        out.width = width
    print_table(out, table)
    return stream.getvalue()


def test_worst_are_those_who_gave_up_then_those_who_waited_longest() -> None:
    records = [
        waiting("short", 500),
        waiting("gave up", 700, given_up=True),
        waiting("long", 9000),
        record((0, "prompt_sent"), (20_000, "start_of_agent_speech"), session_id="longest"),
        record((0, "configurations", {}), session_id="silent"),
    ]
    found = [one.session_id for one in worst_sessions(records, 10)]
    assert found == ["gave up", "longest", "long", "short", "silent"]
    assert [one.session_id for one in worst_sessions(records, 2)] == ["gave up", "longest"]
    assert worst_sessions([], 5) == []


def test_of_equals_the_worst_is_the_one_that_came_first() -> None:
    records = [waiting(name, 800) for name in "abc"]
    assert [one.session_id for one in worst_sessions(records, 3)] == ["a", "b", "c"]


def test_what_is_not_known_of_a_session_is_a_dash() -> None:
    (row,) = cells(sessions_table([record((0, "configurations", {}))], "t"))
    assert row[1:5] == ["0/0", "–", "–", "–"]


def test_a_session_is_told_with_how_many_of_its_turns_are_sure() -> None:
    sure = record(*ANSWERED, WRAP_UP)
    (row,) = cells(sessions_table([sure], "t"))
    assert row[0].splitlines() == [
        sure.session_id,
        f"{sure.started_at[:19]}, ended, 5 s",
    ]
    assert row[1:] == ["1/1", "900", "900", "900", "0", "0"]


def test_a_session_without_a_wrap_up_says_why_it_was_closed() -> None:
    (row,) = cells(sessions_table([record(*ANSWERED)], "t"))
    assert row[0].endswith(", no wrap-up (end_of_input)")


def test_one_call_is_told_turn_by_turn() -> None:
    rows = cells(call_table(record(*ANSWERED, (6000, "prompt_sent"))))
    assert rows[0][2:6] == ["answered", "900", "900", "600"]
    assert rows[0][6:8] == ["–", "–"]
    assert [row[0] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert rows[-1][2] in ("unanswered", "abandoned")
    assert rows[-1][4] == "–"


def test_the_title_of_a_call_says_whose_it_is_and_how_it_ended() -> None:
    one = record(*ANSWERED, WRAP_UP)
    title = str(call_table(one).title)
    for part in (one.session_id, "ended", "1 turns", "(ms)"):
        assert part in title


def test_the_notes_of_a_call_tell_what_is_missing_wrong_or_unknown() -> None:
    one = record(
        *ANSWERED,
        (4500, "error", {"error_code": 64107, "error_message": "no speech"}),
        (4600, "what_is_this"),
    )
    notes = "\n".join(call_notes(one))
    assert f"{len(ANSWERED) + 2} events, at least 0 missing" in notes
    assert "in doubt" not in notes
    assert "closed by end_of_input" in notes
    assert "64107" in notes
    assert "'what_is_this': 1" in notes


def test_the_notes_of_a_call_tell_what_its_missing_events_leave_in_doubt() -> None:
    one = record(*ANSWERED, doubtful_waits=1, doubtful_prompts=2)
    assert "in doubt, since events are missing: 1 waits, 0 turns, 2 prompts" in call_notes(one)


def test_whole_numbers_are_told_without_a_fraction_and_long_ones_with_commas() -> None:
    rows = [
        MetricRow("CallerWait", "en-US", "Milliseconds", 1234.0, 885.25, 7.0, 12345.0),
        MetricRow("Turns", "", "Count", 1.0, 1.0, 1.0, 1.0),
    ]
    assert cells(metrics_table(rows, "t")) == [
        ["CallerWait (ms)", "en-US", "1,234", "885.2", "7", "12,345"],
        ["Turns", "", "1", "1", "1", "1"],
    ]


def test_where_nobody_sees_the_width_nothing_is_cut_off() -> None:
    one = record(*ANSWERED, WRAP_UP)
    text = printed(sessions_table([one], "t"))
    assert one.started_at[:19] in text
    assert "…" not in text
    assert "\x1b" not in text


def test_on_a_terminal_of_80_columns_nothing_is_cut_off() -> None:
    slow = waiting("VX" + "0123456789abcdef" * 2, 99_000)
    names = ("TokenStreamDuration", "nova-3-general, deepgram, en-US", "Milliseconds")
    series = MetricRow(*names, 12e6, 605_730.6, 70_940, 871_519)
    for table in (
        sessions_table([slow], "t"),
        call_table(slow),
        metrics_table([series], "t"),
    ):
        text = printed(table, 80)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= 80
    assert slow.session_id in printed(sessions_table([slow], "t"), 80)
    assert "99,000" in printed(sessions_table([slow], "t"), 80)
    assert "605,730.6" in printed(metrics_table([series], "t"), 80)
