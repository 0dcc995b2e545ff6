"""Series are capped, first come first served, and the rest is not lost but other."""

from __future__ import annotations

from worker.metrics.series import Series, SeriesBook, SeriesRules
from worker.sessions.context import Context


def by_language(code: str) -> Context:
    return Context(tts_language=code)


def languages(book: SeriesBook, code: str, account: str = "AC1") -> tuple[Series, ...]:
    return book.of("CallerWait", None, by_language(code), account)


BASE = Series("CallerWait", ())


def test_a_sample_goes_to_the_bare_series_and_to_each_set() -> None:
    book = SeriesBook(SeriesRules())
    assert languages(book, "en-US") == (BASE, Series("CallerWait", (("Language", "en-US"),)))


def test_a_dimension_of_its_own_is_published_with_and_without() -> None:
    found = SeriesBook(SeriesRules()).of("Interruptions", "DTMF", Context(), "AC1")
    assert found == (Series("Interruptions", ()), Series("Interruptions", (("Type", "DTMF"),)))


def test_beyond_its_cap_a_sets_series_count_under_other() -> None:
    book = SeriesBook(SeriesRules(per_set=2))
    for code in ("a", "b", "c", "d"):
        languages(book, code)
    other = Series("CallerWait", (("Language", "other"),))
    assert languages(book, "c") == languages(book, "d") == (BASE, other)
    assert languages(book, "a") == (BASE, Series("CallerWait", (("Language", "a"),)))


def test_beyond_the_cap_in_all_only_bare_series_and_others_come() -> None:
    book = SeriesBook(SeriesRules(in_all=1))
    assert languages(book, "a") == (BASE, Series("CallerWait", (("Language", "other"),)))
    assert book.of("Prompts", None, Context(), "AC1") == (Series("Prompts", ()),)


def test_membership_outlives_a_restart() -> None:
    book = SeriesBook(SeriesRules(per_set=1))
    languages(book, "a")
    restored = SeriesBook(SeriesRules(per_set=1), book.admitted_now)
    assert languages(restored, "b")[1].dimensions == (("Language", "other"),)
    assert languages(restored, "a")[1].dimensions == (("Language", "a"),)
    assert restored.admitted_now == [Series("CallerWait", (("Language", "other"),))]


def test_labels_stand_on_all_series_of_their_account_only() -> None:
    book = SeriesBook(SeriesRules(labels={"AC1": {"Environment": "prod"}}))
    assert languages(book, "a", "AC1") == (
        Series("CallerWait", (("Environment", "prod"),)),
        Series("CallerWait", (("Environment", "prod"), ("Language", "a"))),
    )
    assert languages(book, "a", "AC2")[0] == BASE
