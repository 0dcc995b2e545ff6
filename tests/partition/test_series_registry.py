"""Series are capped, first come first served, and the rest is not lost but other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.metrics.catalogue import CONTEXT_DIMENSIONS
from worker.metrics.dimension_values import OTHER
from worker.metrics.series import Series, SeriesRules
from worker.partition.series_registry import SeriesBook
from worker.sessions.context import Context

AC1 = "AC1"


def by_language(code: str) -> Context:
    return Context(tts_language=code)


def languages(book: SeriesBook, code: str, account: str = "AC1") -> tuple[Series, ...]:
    return book.of(by_language(code), account)["CallerWait"]


BASE = Series("CallerWait", ())


def test_a_sample_goes_to_the_bare_series_and_to_each_set() -> None:
    book = SeriesBook(SeriesRules())
    assert languages(book, "en-US") == (BASE, Series("CallerWait", (("Language", "en-US"),)))


def test_a_dimension_of_its_own_is_published_with_and_without() -> None:
    found = SeriesBook(SeriesRules()).of(Context(), AC1)["Interruptions", "DTMF"]
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
    assert book.of(Context(), AC1)["Prompts"] == (Series("Prompts", ()),)


def test_membership_outlives_a_restart() -> None:
    book = SeriesBook(SeriesRules(per_set=1))
    languages(book, "a")
    restored = SeriesBook(SeriesRules(per_set=1), book.drain_admitted())
    assert languages(restored, "b")[1].dimensions == (("Language", "other"),)
    assert languages(restored, "a")[1].dimensions == (("Language", "a"),)
    assert restored.drain_admitted() == [Series("CallerWait", (("Language", "other"),))]


def test_labels_stand_on_all_series_of_their_account_only() -> None:
    book = SeriesBook(SeriesRules(labels={"AC1": {"Environment": "prod"}}))
    assert languages(book, "a", "AC1") == (
        Series("CallerWait", (("Environment", "prod"),)),
        Series("CallerWait", (("Environment", "prod"), ("Language", "a"))),
    )
    assert languages(book, "a", "AC2")[0] == BASE


def test_a_set_asks_for_dimensions_of_the_context_and_of_labels() -> None:
    sets = {"Prompts": (("Language", "Environment"), ("Voice",))}
    labels = {"AC1": {"Environment": "prod"}}
    book = SeriesBook(SeriesRules(sets=sets, labels=labels))
    context = Context(tts_language="en", voice="V")
    assert [one.dimensions for one in book.of(context, AC1)["Prompts"]] == [
        (("Environment", "prod"),),
        (("Environment", "prod"), ("Language", "en")),
        (("Environment", "prod"), ("Voice", "V")),
    ]


def test_a_set_that_an_account_has_no_label_for_adds_no_series_twice() -> None:
    book = SeriesBook(SeriesRules(sets={"Prompts": (("Environment",),)}))
    assert book.of(Context(), "AC2")["Prompts"] == (Series("Prompts", ()),)


@given(
    st.lists(st.tuples(st.sampled_from(["CallerWait", "SttLatency"]), st.integers(0, 30))),
    st.integers(0, 6),
    st.integers(0, 12),
)
def test_caps_hold_whatever_comes(asked: list[tuple[str, int]], per_set: int, in_all: int) -> None:
    book = SeriesBook(SeriesRules(per_set=per_set, in_all=in_all))
    for metric, number in asked:
        context = Context(tts_language=f"l{number}", speech_model=f"m{number}")
        bare, further = book.of(context, AC1)[metric]
        assert bare == Series(metric, ())
        assert book.of(context, AC1)[metric] == (bare, further)
    admitted = book.drain_admitted()
    assert len(set(admitted)) == len(admitted)
    proper = [one for one in admitted if one.dimensions and one.dimensions[0][1] != OTHER]
    for metric in ("CallerWait", "SttLatency"):
        assert sum(one.metric == metric for one in proper) <= per_set
    bare_and_other = len(admitted) - len(proper)
    assert bare_and_other <= 4
    assert len(proper) <= in_all


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 30))
def test_a_restart_at_any_point_admits_the_same_series(asked: list[int], cut: int) -> None:
    rules = SeriesRules(per_set=4)
    steady, restarted = SeriesBook(rules), SeriesBook(rules)
    committed: list[Series] = []
    for n, number in enumerate(asked):
        if n == cut:
            committed += restarted.drain_admitted()
            restarted = SeriesBook(rules, committed)
        assert languages(steady, f"l{number}") == languages(restarted, f"l{number}")
    assert committed + restarted.drain_admitted() == steady.drain_admitted()


def labelled(per_set: int, in_all: int) -> tuple[Series, ...]:
    labels = {"AC1": {"Environment": "prod"}}
    return languages(SeriesBook(SeriesRules(labels=labels, per_set=per_set, in_all=in_all)), "en")


def test_the_bare_series_of_a_labelled_account_is_always_admitted() -> None:
    assert labelled(per_set=200, in_all=0)[0].dimensions == (("Environment", "prod"),)


def test_an_overflow_keeps_the_labels_of_its_account() -> None:
    bare, further = labelled(per_set=200, in_all=1)
    assert bare.dimensions == (("Environment", "prod"),)
    assert further.dimensions == (("Environment", "prod"), ("Language", OTHER))


def test_an_admitted_series_is_handed_to_one_commit_only() -> None:
    book = SeriesBook(SeriesRules())
    languages(book, "a")
    assert len(book.drain_admitted()) == 2
    languages(book, "b")
    assert book.drain_admitted() == [Series("CallerWait", (("Language", "b"),))]
    assert book.drain_admitted() == []


VOICES = [
    ("caf\u00e9", "caf\u00ea"),
    ("x" * 256, "x" * 255 + "y"),
    (" a", "a"),
    ("other", "+15551234567"),
]


@pytest.mark.parametrize(("one", "other"), VOICES)
def test_two_values_never_become_one_series(one: str, other: str) -> None:
    book = SeriesBook(SeriesRules())
    found = [book.of(Context(voice=voice), AC1)["TtsLatency"] for voice in (one, other)]
    assert found[0][1] != found[1][1]


def test_what_identifies_someone_is_other_whichever_dimension_it_is_for() -> None:
    number = "+15551234567"
    rules = SeriesRules(sets={"SttLatency": tuple((name,) for name in CONTEXT_DIMENSIONS)})
    book = SeriesBook(rules)
    series = {
        *book.of(Context(*[number] * 6), AC1)["SttLatency"],
        *book.of(Context(), AC1)["Errors", number],
    }
    values = {value for one in series for _, value in one.dimensions}
    assert values == {"other"}
    assert len(series) == 2 + len(CONTEXT_DIMENSIONS) + 1


def test_a_closed_vocabularys_values_stay() -> None:
    book = SeriesBook(SeriesRules())
    assert book.of(Context(), AC1)["SessionsEnded", "other"][1].dimensions == (
        ("EndStatus", "other"),
    )
