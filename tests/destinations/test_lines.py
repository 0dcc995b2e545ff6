"""Lines: whole, in order, and in blocks that are not too large."""

from __future__ import annotations

from worker.destinations.lines import DEAD_LETTER_LINES, RECORD_LINES
from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.metrics.series import Series
from worker.partition.commit_outputs import Outputs, RecordLine
from worker.partition.dead_letters import decode_letter, occurrence_letter, session_letter

NOON = 1_790_942_400_000
SESSION = SessionKey("twilio", "AC1", "CA1", "VX1")
LETTERS = [occurrence_letter("no JSON", Origin("s-1", "7", n, NOON), b"\xff") for n in range(3)]
ASIDE = session_letter("a defect", SESSION, NOON, b"log")


def test_nothing_of_a_kind_makes_no_request() -> None:
    window = {(Series("Tokens", ()), NOON): {1: 1}}
    assert list(RECORD_LINES.requests(Outputs(window=window, dead_letters=LETTERS))) == []
    records = [RecordLine(SESSION, 1, b"{}")]
    assert list(DEAD_LETTER_LINES.requests(Outputs(window=window, records=records))) == []


def test_records_leave_as_whole_lines_in_order_in_blocks_of_a_megabyte() -> None:
    lines = [b'{"n":%d,"pad":"%s"}' % (n, b"x" * 90_000) for n in range(30)]
    outputs = Outputs(records=[RecordLine(SESSION, 1, line) for line in lines])
    blocks = list(RECORD_LINES.requests(outputs))
    assert len(blocks) > 1
    assert all(len(block) < 1_100_000 for block in blocks)
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks).splitlines() == lines


def test_dead_letters_are_occurrences_and_then_quarantined_sessions() -> None:
    (block,) = DEAD_LETTER_LINES.requests(Outputs(dead_letters=LETTERS, quarantined=[ASIDE]))
    assert [decode_letter(line) for line in block.splitlines()] == [*LETTERS, ASIDE]
