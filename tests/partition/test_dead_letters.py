"""Dead letters: nothing is lost in a line, and a line of another version is not misread."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import BadInput
from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.partition.dead_letters import (
    DeadLetter,
    decode_letter,
    encode_letter,
    occurrence_letter,
    samples_letter,
    session_letter,
)

NOON = 1_790_942_400_000

instants = st.integers(0, 4 * 10**12)
places = st.builds(
    Origin, st.text(max_size=30), st.text(max_size=60), st.none() | st.integers(0, 10**6), instants
)
keys = st.builds(SessionKey, *[st.text(max_size=40)] * 4)
datums = st.lists(st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1) | st.text()))
letters = st.one_of(
    st.builds(occurrence_letter, st.text(), places, st.binary(max_size=200)),
    st.builds(session_letter, st.text(), keys, instants, st.binary(max_size=200)),
    st.builds(samples_letter, st.text(), instants, datums),
)


@given(letters)
def test_a_letter_is_one_line_and_reads_back(letter: DeadLetter) -> None:
    line = encode_letter(letter)
    assert b"\n" not in line
    assert decode_letter(line) == letter


@given(letters)
def test_every_line_names_its_version(letter: DeadLetter) -> None:
    assert json.loads(encode_letter(letter))["version"] == 1


@given(letters, st.integers(-3, 9).filter(lambda version: version != 1))
def test_a_line_of_another_version_is_refused_whatever_else_it_holds(
    letter: DeadLetter, version: int
) -> None:
    line = {
        **json.loads(encode_letter(letter)),
        "version": version,
        "kind": "another",
        "reason": [1],
    }
    with pytest.raises(BadInput, match=f"version {version}; this release reads version 1"):
        decode_letter(json.dumps(line).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b'{"reason": "no JSON"}', b'{"version": 1}'])
def test_what_is_no_letter_is_distinguished_from_one_of_another_version(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_letter(line)


@given(st.text(), st.binary(max_size=200))
def test_an_occurrence_keeps_reason_place_and_bytes(reason: str, data: bytes) -> None:
    line = json.loads(
        encode_letter(occurrence_letter(reason, Origin("s-1", "17", 3, NOON + 7), data))
    )
    assert base64.b64decode(line.pop("data"), validate=True) == data
    assert line == {
        "kind": "occurrence",
        "version": 1,
        "reason": reason,
        "shard": "s-1",
        "sequence_number": "17",
        "sub_sequence": 3,
        "arrival": "2026-10-02T12:00:00.007Z",
    }
