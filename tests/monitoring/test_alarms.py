"""What wakes someone, what can wait, and that neither depends on luck."""

from __future__ import annotations

import re
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import ROOT
from worker.metrics.catalogue import CATALOGUE
from worker.monitoring.alarm import BAD_AT_LEAST, Alarm, Missing, Urgency
from worker.monitoring.alarms import (
    ALARMED_LATENCIES,
    SAMPLES_AT_LEAST,
    SESSIONS_AT_LEAST,
    STOP_S,
    TURNS_AT_LEAST,
    WAITS_AT_LEAST,
    alarms,
)
from worker.monitoring.dashboard import END_STATUSES
from worker.monitoring.deployment import DELIVERY_S, Deployment, Of, delay_s
from worker.monitoring.targets import TARGETS
from worker.partition.rules import Rules
from worker.telemetry.catalogue import TELEMETRY_METRICS
from worker.telemetry.liveness import START_WITHIN_S

SUBJECT = Deployment("VoiceInsights", "VoiceInsights/Worker")
ALARMS = alarms(SUBJECT)
BY_NAME = {alarm.name: alarm for alarm in ALARMS}

USUAL = {
    "AbandonedWaits": 5,
    "FailedSessions": 2,
    "Interruptions": 25,
    "Errors": 2,
    "DoubtfulWaits": 2,
}
PART_OF_THE_WHOLE = {"AbandonedWaits", "DoubtfulWaits"}
"""Shares whose whole is the sum of the part and the rest."""

"""What may be usual, in percent."""

STREAMS = {"WriteProvisionedThroughputExceeded"}
"""Of Kinesis's own metrics."""

each = pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)


def test_who_is_woken_and_by_what() -> None:
    pages = {alarm.name for alarm in ALARMS if alarm.urgency is Urgency.PAGE}
    assert pages == {"AbandonedWaits", "FailedSessions", "Heartbeat", "IteratorAge"}
    tickets = set(BY_NAME) - pages
    assert tickets >= {"MissingEvents", "DoubtfulWaits"}
    assert tickets >= {f"{name}P95" for name in ALARMED_LATENCIES}
    assert tickets >= {"Interruptions", "Errors", "DeadLetters", "AmbiguousSends", "UnknownEvents"}
    assert len(BY_NAME) == len(ALARMS)


@each
def test_every_metric_is_in_its_catalogue(alarm: Alarm) -> None:
    assert alarm.metrics
    for metric in alarm.metrics:
        known = {Of.CALLS: set(CATALOGUE), Of.WORKER: set(TELEMETRY_METRICS), Of.STREAM: STREAMS}
        assert metric.name in known[metric.of]


@each
def test_no_alarm_needs_a_value_of_a_dimension_that_may_be_new(alarm: Alarm) -> None:
    for metric in alarm.metrics:
        for name, value in metric.dimensions:
            assert name == "EndStatus"
            assert value in END_STATUSES


@each
def test_periods_that_are_still_empty_do_not_keep_an_alarm_from_going_off(alarm: Alarm) -> None:
    if alarm.missing is Missing.GOOD:
        spare = (alarm.evaluation_periods - alarm.bad) * alarm.period_s
        assert spare >= max(delay_s(SUBJECT, metric) for metric in alarm.metrics)
        assert spare - alarm.period_s < max(delay_s(SUBJECT, metric) for metric in alarm.metrics)


@given(st.integers(0, 14_400), st.integers(0, 14_400), st.integers(1, 60))
def test_longer_holds_are_waited_for(direct: int, most: int, release: int) -> None:
    rules = Rules(hold_direct=direct * 1000, hold_max=most * 1000, release_every=release * 60_000)
    deployment = Deployment("A", "B", rules)
    for alarm in alarms(deployment):
        if alarm.missing is Missing.GOOD:
            spare = (alarm.evaluation_periods - alarm.bad) * alarm.period_s
            for metric in alarm.metrics:
                if metric.of is Of.CALLS:
                    assert spare >= DELIVERY_S + min(direct, most, 180) + release * 60


@each
def test_cloudwatch_takes_the_periods(alarm: Alarm) -> None:
    assert alarm.period_s % 60 == 0
    assert 1 <= alarm.bad <= alarm.evaluation_periods
    assert alarm.evaluation_periods * alarm.period_s <= 86_400


@each
def test_a_share_is_of_metrics_with_one_hold(alarm: Alarm) -> None:
    if alarm.value != alarm.metrics[0].id:
        assert len({CATALOGUE[metric.name].hold for metric in alarm.metrics}) == 1


@each
def test_an_expression_uses_all_its_metrics_and_no_other(alarm: Alarm) -> None:
    used = set(re.findall(r"[a-z_]+", alarm.value))
    assert used == {metric.id for metric in alarm.metrics}


def evaluate(alarm: Alarm, filled: bool = True, /, **values: float) -> float:
    """An expression with these values, CloudWatch's functions as Python's; 0 without a value.

    ``filled``: whether FILL has something to fill in a series without any sample.
    """

    def fill(value: float | None, filling: float) -> float | None:
        return filling if value is None and filled else value

    def total(parts: list[float | None]) -> float:
        return sum(part for part in parts if part is not None)

    known = {metric.id: values.get(metric.id) for metric in alarm.metrics}
    functions = {"IF": lambda so, this, that: this() if so else that, "FILL": fill, "SUM": total}
    text = re.sub(r"^IF\((.*? >= \d+), (.*), 0\)$", r"IF(\1, lambda: \2, 0)", alarm.value)
    text = text.replace(" AND ", " and ")
    try:
        return float(eval(text, {**functions, **known}))
    except TypeError:  # an operator with a side that has no value
        return 0.0


@pytest.mark.parametrize(
    ("name", "part", "whole", "at_least"),
    [
        ("AbandonedWaits", "given_up", "answered", BAD_AT_LEAST),
        ("FailedSessions", "part", "whole", SESSIONS_AT_LEAST),
        ("Interruptions", "part", "whole", TURNS_AT_LEAST),
        ("Errors", "part", "whole", SESSIONS_AT_LEAST),
        ("MissingEvents", "part", "whole", SESSIONS_AT_LEAST),
    ],
)
def test_a_share_of_few_counts_as_good(name: str, part: str, whole: str, at_least: int) -> None:
    alarm = BY_NAME[name]
    assert evaluate(alarm) == 0
    assert evaluate(alarm, **{whole: at_least}) == 0
    assert evaluate(alarm, **{part: BAD_AT_LEAST - 1, whole: at_least}) == 0
    if at_least > BAD_AT_LEAST:
        assert evaluate(alarm, **{part: at_least - 1, whole: at_least - 1}) == 0
    assert evaluate(alarm, **{part: at_least, whole: at_least}) >= alarm.threshold


@pytest.mark.parametrize("filled", [True, False])
def test_callers_of_whom_none_was_answered_are_counted(filled: bool) -> None:
    """As when an application has been dead for longer than the alarm looks back."""
    abandoned = BY_NAME["AbandonedWaits"]
    assert evaluate(abandoned, filled, given_up=BAD_AT_LEAST) == 100
    assert evaluate(abandoned, filled, answered=TURNS_AT_LEAST) == 0


def test_one_wait_in_ten_in_doubt_is_a_ticket_from_twenty_waits_and_five_of_them_on() -> None:
    doubtful = BY_NAME["DoubtfulWaits"]
    assert evaluate(doubtful) == 0
    assert evaluate(doubtful, measured=200) == 0
    assert evaluate(doubtful, part=5, measured=WAITS_AT_LEAST - 5) >= doubtful.threshold
    assert evaluate(doubtful, part=5, measured=WAITS_AT_LEAST - 6) == 0
    assert evaluate(doubtful, part=BAD_AT_LEAST - 1, measured=WAITS_AT_LEAST) == 0
    assert evaluate(doubtful, part=5, measured=45) >= doubtful.threshold
    assert evaluate(doubtful, part=5, measured=46) < doubtful.threshold


def test_one_session_in_ten_that_fails_pages_from_twenty_sessions_and_five_failures_on() -> None:
    failed = BY_NAME["FailedSessions"]
    assert evaluate(failed, part=5, whole=20) >= failed.threshold
    assert evaluate(failed, part=5, whole=50) >= failed.threshold
    assert evaluate(failed, part=5, whole=51) < failed.threshold
    assert evaluate(failed, part=19, whole=19) < failed.threshold


def at_least_of(cases: int, chance: float, count: int) -> float:
    """How likely ``count`` or more of ``cases`` are, each of which has this chance."""
    return sum(
        comb(cases, n) * chance**n * (1 - chance) ** (cases - n) for n in range(count, cases + 1)
    )


@pytest.mark.parametrize(("name", "usual_percent"), USUAL.items())
def test_what_is_usual_makes_an_alarm_go_off_by_chance_less_than_twice_a_year(
    name: str, usual_percent: int
) -> None:
    """Even where the traffic is, all the year round, the most unlucky there is."""
    runbook = " ".join((ROOT / "docs" / "runbook.md").read_text(encoding="utf-8").split())
    assert f"{name} {usual_percent} %" in runbook
    alarm = BY_NAME[name]
    part, whole = alarm.metrics
    known = {whole.id: 0} if name in PART_OF_THE_WHOLE else {}
    periods_a_year = 365 * 86_400 / alarm.period_s
    for cases in range(1, 200):
        high = (
            bad
            for bad in range(cases + 1)
            if evaluate(alarm, **{**known, whole.id: cases - bad if known else cases, part.id: bad})
            >= alarm.threshold
        )
        one = at_least_of(cases, usual_percent / 100, next(high, cases + 1))
        assert at_least_of(alarm.evaluation_periods, one, alarm.bad) * periods_a_year < 2


@pytest.mark.parametrize("name", ALARMED_LATENCIES)
def test_a_percentile_of_few_samples_counts_as_good(name: str) -> None:
    alarm = BY_NAME[f"{name}P95"]
    assert evaluate(alarm, slowest=60_000, samples=SAMPLES_AT_LEAST - 1) < alarm.threshold
    assert evaluate(alarm, slowest=60_000, samples=SAMPLES_AT_LEAST) >= alarm.threshold


@pytest.mark.parametrize("name", ALARMED_LATENCIES)
def test_a_latency_that_is_not_measured_has_the_published_limit_and_tells_nobody(
    name: str,
) -> None:
    fallback = BY_NAME[f"{name}P95"]
    assert (fallback.threshold, fallback.measured) == (TARGETS[name].limit, False)
    measured = {alarm.name: alarm for alarm in alarms(SUBJECT, {name: 1_230})}[f"{name}P95"]
    assert (measured.threshold, measured.measured) == (1_230, True)


def test_silence_is_an_alarm_after_a_deployment_has_had_its_time() -> None:
    heartbeat = BY_NAME["Heartbeat"]
    assert heartbeat.missing is Missing.BAD
    assert heartbeat.bad * heartbeat.period_s > STOP_S + START_WITHIN_S
