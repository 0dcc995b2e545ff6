"""The ledger in a bucket: notes are kept for fifteen days, by whole days."""

from __future__ import annotations

from tests.scenes import BASE
from tests.state.s3.buckets import ledger_in
from worker.metrics.series import Series
from worker.objectstore.retrying import Access
from worker.outbox.ledger import NOTES_KEPT_MS, Note
from worker.state.s3.ledger import LEDGER, NoteStore, notes_since
from worker.testing.strict_s3 import StrictS3
from worker.times.minutes import MINUTE

DAY = 86_400_000
PROMPTS = Series("Prompts", ())


def note(entry: int, minute: int, count: int = 3) -> Note:
    return Note(entry, "metrics", 1, 1, ((PROMPTS, minute, count),))


def access(bucket: StrictS3) -> Access:
    return Access(bucket, lambda _: None, lambda: 0.5, lambda _: None)


def test_notes_go_once_their_day_is_further_back_than_they_are_kept() -> None:
    """A day that is partly within that time stays whole."""
    bucket = StrictS3()
    ledger = NoteStore(access(bucket))
    oldest = BASE // DAY * DAY
    notes = [note(1, oldest - MINUTE), note(2, oldest), note(3, oldest + NOTES_KEPT_MS)]
    for one in notes:
        ledger.keep([one], 1)
    assert ledger_in(bucket) == notes
    ledger.forget()
    assert ledger_in(bucket) == notes[1:]


def test_days_are_looked_through_once_a_day() -> None:
    bucket = StrictS3()
    ledger = NoteStore(access(bucket))
    ledger.forget()
    assert bucket.calls == []
    ledger.keep([note(1, BASE)], 1)
    ledger.forget()
    looked = len(bucket.calls)
    ledger.keep([note(2, BASE + MINUTE)], 1)
    ledger.forget()
    assert len(bucket.calls) == looked + 1
    ledger.keep([note(3, BASE + DAY)], 1)
    ledger.forget()
    assert len(bucket.calls) > looked + 2


def test_of_an_entrys_notes_that_of_the_highest_epoch_counts() -> None:
    bucket = StrictS3()
    for epoch, count in ((2, 5), (3, 7), (1, 3)):
        NoteStore(access(bucket)).keep([note(1, BASE, count)], epoch)
    assert ledger_in(bucket) == [note(1, BASE, 7)]


def test_notes_are_found_from_an_instant_on() -> None:
    bucket = StrictS3()
    ledger = NoteStore(access(bucket))
    notes = [note(entry, BASE + entry * MINUTE) for entry in range(3)]
    for one in notes:
        ledger.keep([one], 1)
    assert notes_since(access(bucket), BASE + MINUTE) == notes[1:]
    assert all(key.startswith(LEDGER) for key in bucket.objects)
