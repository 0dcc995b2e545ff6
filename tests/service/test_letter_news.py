"""What a commit's dead letters say: each is counted, the latest have a place, none has bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.events.decode import Origin
from worker.events.event import SessionKey
from worker.partition.dead_letters import occurrence_letter, session_letter
from worker.service.letter_news import LATEST, letter_news

NOON = 1_790_942_400_000
SECRET = b"what nobody may read"
KEY = SessionKey("twilio", "AC1", "CA1", "VX1")


@given(st.lists(st.sampled_from(("expired", "not JSON (byte 3)", "not JSON (byte 14)"))))
def test_every_letter_is_counted_and_the_latest_have_an_origin(reasons: list[str]) -> None:
    letters = [
        occurrence_letter(reason, Origin("shard-0", str(n), None, NOON + n), SECRET)
        for n, reason in enumerate(reasons)
    ]
    news = letter_news(letters, [session_letter("a defect", KEY, NOON, SECRET)])
    assert news.reasons.total() == len(reasons) + 1
    assert set(news.reasons) <= {"expired", "not JSON", "a defect"}
    assert news.latest[-1].place == "session VX1"
    kept = reasons[-(LATEST - 1) :]
    assert [one.reason for one in news.latest[:-1]] == kept
    assert SECRET.decode() not in str(news)


def test_a_part_of_an_aggregate_has_its_index_in_its_place() -> None:
    place = Origin("shard-0", "49", 3, NOON)
    (one,) = letter_news([occurrence_letter("expired", place, SECRET)], []).latest
    assert one.place == "shard-0 49, part 3"
    assert one.time == "2026-10-02T12:00:00.000Z"
