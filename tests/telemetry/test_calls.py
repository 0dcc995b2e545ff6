"""What Prometheus is told of calls is what their records say, and sums over it are right."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

import pytest

from tests.telemetry.replays import RULES, replayed, totals_of
from worker.metrics.catalogue import CATALOGUE, DEFAULT_DIMENSION_SETS
from worker.metrics.dimension_sets import SetsByMetric
from worker.metrics.distribution import of
from worker.metrics.instruments import instrument_of
from worker.metrics.series import Series, SeriesRules
from worker.metrics.totals import SCALE, SeriesTotals, Totals, increment, merge_totals, upper_bound
from worker.partition.rules import Rules
from worker.telemetry.calls import (
    AUTO_SERIES,
    CALLS_PREFIX,
    CallsShown,
    call_families,
    families_of,
)
from worker.telemetry.families import Family
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import MINUTE

SETS: Final = DEFAULT_DIMENSION_SETS
LATENCIES: Final = {
    "SttLatency": "stt",
    "TtsLatency": "tts",
    "ApplicationLatency": "application",
    "ResponseLatency": "response",
    "CallerWait": "caller_wait",
    "TimeToReplyEnd": "time_to_reply_end",
    "ReplyDuration": "reply_duration",
    "TokenStreamDuration": "token_stream",
    "BargeInStopTime": "barge_in_stop",
}
"""Metrics with a distribution in the record, and its name there."""

COUNTERS: Final[dict[str, Callable[[dict[str, Any]], int]]] = {
    "Turns": lambda record: record["turns"],
    "AmbiguousTurns": lambda record: record["ambiguous_turns"],
    "DoubtfulTurns": lambda record: record["doubtful_turns"],
    "Prompts": lambda record: record["prompts"],
    "UnansweredPrompts": lambda record: record["unanswered_prompts"],
    "AbandonedWaits": lambda record: record["abandoned_waits"],
    "Interruptions": lambda record: record["interruptions"]["total"],
    "InterruptionsByCustomer": lambda record: record["interruptions"]["by_customer"],
    "DtmfReceived": lambda record: record["dtmf"],
    "LanguageChanges": lambda record: record["language_changes"],
    "SessionsEnded": lambda record: 1,
}


def families(
    totals: Totals | None, sets: SetsByMetric = SETS, shown: CallsShown = "on"
) -> dict[str, Family]:
    return {family.name: family for family in call_families(totals, sets, shown)}


def added(family: Family | None, suffix: str) -> float:
    points = () if family is None else family.points
    return sum(point.value for point in points if point.suffix == suffix)


def by_metric(totals: Totals) -> dict[str, SeriesTotals]:
    """The series without dimensions."""
    return {series.metric: one for series, one in totals.series.items() if not series.dimensions}


@pytest.mark.parametrize("seed", range(20))
def test_every_histogram_is_what_the_session_records_say(seed: int) -> None:
    """Sums from the records' averages, which have three decimals: exact below 1,000 samples."""
    totals, lines = replayed(simulated_records(Traffic(sessions=20, lost=0.002), seed))
    records = [json.loads(line) for line in lines]
    whole, page = by_metric(totals), families(totals)
    for metric, name in LATENCIES.items():
        told = [record["latency_ms"][name] for record in records if record["latency_ms"][name]]
        mine = whole[metric]
        assert mine.count == sum(one["count"] for one in told)
        assert mine.sum == sum(round(one["avg"] * one["count"]) for one in told)
        assert (mine.min, mine.max) == (
            min(one["min"] for one in told),
            max(one["max"] for one in told),
        )
        shown = page[families_of(metric, SETS)[0].name]
        assert added(shown, "_count") == mine.count
        assert added(shown, "_sum") == pytest.approx(mine.sum / 1000)
    tokens = whole["Tokens"]
    assert tokens.count == sum(record["tokens"]["replies"] for record in records)
    assert tokens.sum == sum(record["tokens"]["total"] for record in records)
    for metric, counted in COUNTERS.items():
        expected = sum(map(counted, records))
        assert (whole[metric].sum if metric in whole else 0) == expected, metric
        assert added(page.get(families_of(metric, SETS)[0].name), "_total") == expected


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_of_recordings_are_off_by_no_more_than_a_buckets_ratio(seed: int) -> None:
    samples = samples_of(seed)
    totals = totals_of(simulated_records(Traffic(sessions=30), seed))
    for series, counts in samples.items():
        instrument, mine = instrument_of(series.metric), totals.series[series]
        if not instrument.is_histogram:
            continue
        values = sorted(counts.elements())
        for percent in (50, 90, 95, 99):
            rank = -(-len(values) * percent // 100)
            exact = values[rank - 1] / instrument.divisor
            if exact:
                assert exact <= read(mine, rank) * (1 + 1e-12), series
                assert read(mine, rank) < exact * 2 ** (2**-SCALE) * (1 + 1e-12), series


def samples_of(seed: int) -> dict[Series, Counter[int]]:
    from worker.replay import Replay

    samples: dict[Series, Counter[int]] = defaultdict(Counter)

    def take(outputs: Any) -> None:
        for (series, _), counts in outputs.window.items():
            samples[series].update(counts)

    replay = Replay(Rules(), take)
    for record in simulated_records(Traffic(sessions=30), seed):
        replay.feed(record)
    replay.finish()
    return samples


def read(totals: SeriesTotals, rank: int) -> float:
    """The upper bound of the bucket that has the sample of that rank."""
    reached = totals.zeros
    for bucket in sorted(totals.buckets):
        reached += totals.buckets[bucket]
        if reached >= rank:
            return upper_bound(bucket)
    raise AssertionError


@pytest.mark.parametrize("seed", range(3))
def test_no_sample_is_twice_in_a_family_whatever_sets_there_are(seed: int) -> None:
    sets = {
        **SETS,
        "CallerWait": (("Voice",), ("Language",), ("TtsProvider", "Voice")),
        "Turns": (("Language",), ("Environment",)),
        "Errors": (("Language",),),
    }
    labels = {"AC" + "0" * 32: {"Environment": "prod"}}
    rules = RULES._replace(series=SeriesRules(sets=sets, labels=labels, in_all=100, per_set=3))
    totals = totals_of(simulated_records(Traffic(sessions=30), seed), rules)
    whole = by_metric_and_labels(totals)
    page = families(totals, sets)
    for metric in {series.metric for series in totals.series}:
        instrument = instrument_of(metric)
        found = families_of(metric, sets)
        for family in found:
            if family.name not in page:
                continue
            suffix, value = ("_count", whole[metric].count)
            if not instrument.is_histogram:
                suffix, value = ("_total", whole[metric].sum)
            assert added(page[family.name], suffix) == value, family
    assert [one.name for one in families_of("CallerWait", sets)] == [
        "voice_insights_caller_wait_seconds",
        "voice_insights_caller_wait_by_language_seconds",
        "voice_insights_caller_wait_by_tts_provider_voice_seconds",
    ]
    assert [one.name for one in families_of("Errors", sets)] == [
        "voice_insights_errors",
        "voice_insights_errors_by_language",
    ]


def by_metric_and_labels(totals: Totals) -> dict[str, SeriesTotals]:
    """What the series that have nothing but labels amount to."""
    found: dict[str, SeriesTotals] = {}
    for series, one in totals.series.items():
        if {name for name, _ in series.dimensions} <= {"Environment"}:
            known = found.get(series.metric)
            found[series.metric] = one if known is None else msgspec_replace(one, known)
    return found


def msgspec_replace(one: SeriesTotals, known: SeriesTotals) -> SeriesTotals:
    return SeriesTotals(one.time, one.count + known.count, one.sum + known.sum, one.min, one.max)


def test_the_share_within_a_target_is_exact() -> None:
    waits = [800, 1_100, 1_100, 1_101, 885, 40, 30_000]
    page = families(totals_with([Series("CallerWait", (("Language", "en"),))], waits))
    points = page["voice_insights_caller_wait_seconds"].points
    counts = {point.labels["le"]: point.value for point in points if point.suffix == "_bucket"}
    assert (counts["0.885"], counts["1.1"], counts["20.0"], counts["+Inf"]) == (3, 5, 6, 7)


def test_labels_of_accounts_that_become_one_are_one_series() -> None:
    series = [Series("Turns", (("Cost-Centre", "a"),)), Series("Turns", (("cost_centre", "a"),))]
    points = families(totals_with(series, [1, 1]))["voice_insights_turns"].points
    assert [(point.labels, point.value) for point in points if point.suffix == "_total"] == [
        ({"cost_centre": "a"}, 4)
    ]


def test_a_platform_is_a_label_like_any_other() -> None:
    series = [
        Series("CallerWait", (("Language", "en"), ("Platform", "other"))),
        Series("CallerWait", (("Platform", "other"),)),
    ]
    points = families(totals_with(series, [900]))["voice_insights_caller_wait_seconds"].points
    assert [point.labels for point in points if point.suffix == "_count"] == [
        {"language": "en", "platform": "other"}
    ]


def languages(count: int, metrics: Iterable[str]) -> list[Series]:
    return [
        Series(metric, dimensions)
        for metric in metrics
        for dimensions in [(), *((("Language", f"l{n}"),) for n in range(count))]
    ]


def test_auto_leaves_dimensions_out_where_there_are_too_many_series() -> None:
    few = totals_with(languages(AUTO_SERIES, ["CallerWait"]), [900])
    assert added(families(few, shown="auto")["voice_insights_caller_wait_seconds"], "_count") == (
        AUTO_SERIES
    )
    many = totals_with(languages(AUTO_SERIES, ["CallerWait", "ResponseLatency"]), [900])
    page = families(many, shown="auto")
    assert [point.labels for point in page["voice_insights_response_seconds"].points][-1] == {}
    assert page[f"{CALLS_PREFIX}_calls_series"].points[0].value == 2
    assert page[f"{CALLS_PREFIX}_calls_series_left_out"].points[0].value == 2 * AUTO_SERIES - 2
    everything = families(many, shown="on")
    assert everything[f"{CALLS_PREFIX}_calls_series"].points[0].value == 2 * AUTO_SERIES


def test_auto_shows_none_where_labels_alone_are_too_many() -> None:
    series = [Series("Turns", (("Agent", f"a{n}"),)) for n in range(AUTO_SERIES + 1)]
    page = families(totals_with(series, [1]), shown="auto")
    assert page.keys() == {f"{CALLS_PREFIX}_calls_series", f"{CALLS_PREFIX}_calls_series_left_out"}
    assert page[f"{CALLS_PREFIX}_calls_series_left_out"].points[0].value == AUTO_SERIES + 1


def test_there_is_nothing_without_totals_or_where_it_is_off() -> None:
    assert families(None) == {}
    assert families(totals_with([Series("Turns", ())], [1]), shown="off") == {}


def test_every_metric_has_a_name_of_its_own() -> None:
    names = [one.name for metric in CATALOGUE for one in families_of(metric, SETS)]
    assert len(set(names)) == len(names)


def totals_with(series: Iterable[Series], samples: list[int]) -> Totals:
    totals = merge_totals(None, increment(None, {(one, MINUTE): of(samples) for one in series}))
    assert totals is not None
    return totals
