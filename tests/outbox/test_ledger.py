"""The ledger: notes add up, and survive being kept."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.outbox.outboxes import MINUTE, NOON
from worker.metrics.series import Series
from worker.outbox.ledger import NOTES_VERSION, Note, decode_notes, encode_notes, tally_of

series = st.builds(
    lambda name, voice: Series(name, (("Voice", voice),) if voice else ()),
    st.sampled_from(["Tokens", "Words"]),
    st.sampled_from(["", "a", "b"]),
)
counts = st.lists(
    st.tuples(series, st.integers(-2, 2).map(lambda n: NOON + n * MINUTE), st.integers(1, 9)),
    min_size=1,
    max_size=6,
).map(tuple)
notes = st.builds(
    lambda entry, kind, least, more, counts: Note(entry, kind, least, least + more, counts),
    st.integers(1, 9),
    st.sampled_from(["metrics", "otlp"]),
    st.integers(0, 1),
    st.integers(0, 3),
    counts,
)


@given(st.lists(notes, max_size=6), st.integers(0, 6))
def test_a_tally_is_the_sum_of_the_tallies_of_its_parts(made: list[Note], cut: int) -> None:
    least: Counter[tuple[Series, int]] = Counter()
    most: Counter[tuple[Series, int]] = Counter()
    for part in (made[:cut], made[cut:]):
        for minute, tally in tally_of(part).items():
            least[minute] += tally.min_count
            most[minute] += tally.max_count
    assert {minute: tuple(tally) for minute, tally in tally_of(made).items()} == {
        minute: (least[minute], most[minute]) for minute in least
    }


@given(notes)
def test_the_bound_is_what_its_minutes_may_be_more_than_they_must(note: Note) -> None:
    spans = [tally.max_count - tally.min_count for tally in tally_of([note]).values()]
    assert (note.bound, note.largest) == (sum(spans), max(spans))


@given(st.lists(notes, max_size=4))
def test_notes_come_back_as_they_were(made: list[Note]) -> None:
    assert decode_notes(encode_notes(made)) == made


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x01\xc1", b"\x01\x91\x01", b"\x01\x91\x94\x01\x01\x01"]
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_notes(data)


def test_notes_of_an_unknown_version_are_refused() -> None:
    data = encode_notes([])
    for version in (0, NOTES_VERSION + 1, 255):
        with pytest.raises(
            msgspec.DecodeError, match=f"version {version}, .* reads {NOTES_VERSION}"
        ):
            decode_notes(bytes([version]) + data[1:])
