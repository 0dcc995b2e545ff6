"""Lines of JSON: one value a line, nothing lost of a dead letter."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.events.decode import Place
from worker.outbox.lines import dead_letter_line, json_line
from worker.partition.commit_outputs import DeadLetter

NOON = 1_790_942_400_000

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_a_value_is_one_line_and_reads_back(value: Any) -> None:
    line = json_line(value)
    assert b"\n" not in line
    assert json.loads(line) == value


@given(st.text(), st.text(max_size=60), st.integers(0, 10**6), st.binary(max_size=200))
def test_a_dead_letter_keeps_reason_place_and_bytes(
    reason: str, sequence_number: str, sub_sequence: int, data: bytes
) -> None:
    place = Place("shardId-000000000001", sequence_number, sub_sequence, NOON + 7)
    line = dead_letter_line(DeadLetter(reason, place, data))
    assert b"\n" not in line
    letter = json.loads(line)
    assert base64.b64decode(letter.pop("data"), validate=True) == data
    assert letter == {
        "reason": reason,
        "shard": "shardId-000000000001",
        "sequence_number": sequence_number,
        "sub_sequence": sub_sequence,
        "arrival": "2026-10-02T12:00:00.007Z",
    }
