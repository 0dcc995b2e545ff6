"""What a session's events say beyond its turns: latencies, counts, errors, and the unknown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.building import analysis_of, event, parts_of, values
from tests.scenes import BASE
from worker.events.event import EVENT_CODES
from worker.events.payload import Interrupted, Tokens, WrapUp
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.dimension_values import UNKNOWN
from worker.sessions.analysis import SessionAnalysis, analyse
from worker.sessions.event_log import logged_event
from worker.sessions.event_walk import MAX_ERRORS, MAX_UNKNOWN_NAMES, count_of


def own(analysis: SessionAnalysis, metric: str) -> list[str | None]:
    return [kind[1] for _, kind, _ in parts_of(analysis) if kind[0] == metric]


@pytest.mark.parametrize("name", [*EVENT_CODES, "", "unheard_of"])
@pytest.mark.parametrize("payload", [None, {}])
def test_every_event_is_read_even_without_its_payload(name: str, payload: Any) -> None:
    analysis = analysis_of((0, name, payload))
    assert values(analysis, "SessionsStarted") == [1]
    assert {kind[0] for _, kind, _ in parts_of(analysis)} <= set(CATALOGUE)


def test_an_interruption_is_counted_by_its_kind_and_is_unknown_without_a_payload() -> None:
    scene = [(0, "interrupt", Interrupted("DTMF")), (1, "interrupt", None)]
    assert own(analysis_of(*scene), "Interruptions") == ["DTMF", "UNKNOWN"]


@pytest.mark.parametrize(
    ("code", "kept", "dimension"),
    [
        (64107, 64107, "64107"),
        ("64107", 64107, "64107"),
        ("E12", "E12", "E12"),
        ("  ", "  ", "  "),
        ("caf\u00e9", "caf\u00e9", "caf\u00e9"),
        ("\u0663", "\u0663", "\u0663"),
        ("007", "007", "007"),
        (True, None, "unknown"),
        (1.5, None, "unknown"),
        (None, None, "unknown"),
        ("9" * 20, "9" * 20, "9" * 20),
    ],
)
def test_an_error_is_counted_by_its_code(code: object, kept: object, dimension: str) -> None:
    analysis = analysis_of((70, "error_event", {"error_code": code, "message": 5}))
    assert own(analysis, "Errors") == [dimension]
    (error,) = analysis.direct.errors
    assert (error.code, error.message, error.at) == (kept, "", BASE + 70)


def test_all_errors_count_and_the_first_50_are_listed() -> None:
    analysis = analysis_of(*((n, "error_event", {"error_code": n}) for n in range(MAX_ERRORS + 9)))
    assert len(values(analysis, "Errors")) == MAX_ERRORS + 9
    assert [error.code for error in analysis.direct.errors] == list(range(MAX_ERRORS))


def test_names_beyond_50_unknown_ones_count_as_other() -> None:
    analysis = analysis_of(*((n, f"new_{n}") for n in range(MAX_UNKNOWN_NAMES + 5)), (99, "new_0"))
    assert len(analysis.direct.unknown) == MAX_UNKNOWN_NAMES + 1
    assert (analysis.direct.unknown["other"], analysis.direct.unknown["new_0"]) == (5, 2)


@pytest.mark.parametrize("count", [0, 1, 2**53])
def test_a_count_is_an_integer_up_to_what_a_double_holds_exactly(count: int) -> None:
    assert count_of(count) == count


@pytest.mark.parametrize("value", [-1, 2**53 + 1, None])
def test_anything_else_is_no_count(value: int | None) -> None:
    assert count_of(value) is None
    analysis = analysis_of((0, "final_token_received", Tokens(value)))
    assert (values(analysis, "Tokens"), analysis.direct.tokens, analysis.direct.replies) == (
        [],
        0,
        1,
    )
    assert analysis_of((0, "call_wrap_up", WrapUp(value))).duration_s is None


def test_a_wrap_up_without_a_payload_still_wraps_up() -> None:
    analysis = analysis_of((0, "call_wrap_up"))
    assert analysis.direct.wrap_up is not None
    assert analysis.duration_s is None


def test_the_last_configuration_counts_for_the_record_and_language_events_change_none() -> None:
    analysis = analysis_of(
        (0, "configurations", {"configurations": {"preemptible": "TRUE"}}),
        (10, "configurations", {"configurations": {"interruptible": "FALSE"}}),
        (20, "language_changed", {"tts_language_code": "de-DE"}),
    )
    assert analysis.direct.configuration == {"interruptible": "FALSE"}
    assert analysis.context.tts_language == "de-DE"


def test_language_info_sets_the_language_and_is_no_change_of_it() -> None:
    analysis = analysis_of((0, "language_info", {"tts_language_code": "de-DE"}))
    assert values(analysis, "LanguageChanges") == []
    assert analysis.context.language == "de-DE"


def test_a_sample_has_the_context_of_its_own_place_in_the_order() -> None:
    analysis = analysis_of(
        (0, "tts_latency", {"latency_ms": 1}),
        (0, "configurations", {"configurations": {"voice": "V"}}),
        (0, "tts_latency", {"latency_ms": 2}),
        (5, "language_changed", {"tts_language_code": "xx", "voice": "W"}),
        (5, "tts_latency", {"latency_ms": 3}),
    )
    voices = [at[0].voice for at, kind, _ in parts_of(analysis) if kind[0] == "TtsLatency"]
    assert voices == [UNKNOWN, "V", "W"]


def test_every_event_has_a_delivery_delay_which_is_0_where_a_clock_is_ahead() -> None:
    rows = [logged_event(event(n, "dtmf", None, n, delay=1 - n), BASE) for n in range(3)]
    assert values(analyse(rows, BASE, closing=True, contiguous=True), "DeliveryDelay") == [1, 0, 0]


def test_where_payloads_conflict_the_delay_is_that_of_the_first_arrival() -> None:
    late = event(0, "interrupt", {"type": "SPEECH"}, delay=60_000)
    early = event(0, "interrupt", {"type": "DTMF"}, delay=1000)
    analysis = analyse(
        [logged_event(one, BASE) for one in (early, late)], BASE, closing=True, contiguous=True
    )
    assert values(analysis, "DeliveryDelay") == [1000]
