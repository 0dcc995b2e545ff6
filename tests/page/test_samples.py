"""The page's numbers are those that CloudWatch has, taken from records alone."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from tests.page.calls import replayed
from worker.metrics.catalogue import DEFAULT_DIMENSION_SETS
from worker.metrics.series import Series
from worker.page.samples import COUNTS, RECORD_LATENCIES, RecordSample, has_all_samples, samples_of
from worker.times.minutes import minute_of

ATTRIBUTES = {
    "TranscriptionProvider": "transcription_provider",
    "SpeechModel": "speech_model",
    "TtsProvider": "tts_provider",
    "Voice": "voice",
    "Language": "language",
}


def series_of(sample: RecordSample) -> list[Series]:
    sets = ((), *DEFAULT_DIMENSION_SETS.get(sample.metric, ()))
    return [
        Series(
            sample.metric,
            tuple((name, getattr(sample.context, ATTRIBUTES[name])) for name in sorted(names)),
        )
        for names in sets
    ]


@pytest.mark.parametrize("metric", [*RECORD_LATENCIES, *COUNTS])
def test_series_by_series_and_minute_by_minute_they_are_what_a_replay_publishes(
    metric: str,
) -> None:
    calls = replayed()
    found: dict[tuple[Series, int], Counter[int]] = {}
    for record in calls.records:
        assert has_all_samples(record)
        for sample in samples_of(record):
            if sample.metric == metric:
                for series in series_of(sample):
                    place = series, minute_of(sample.at)
                    found.setdefault(place, Counter())[sample.value] += 1
    own = "Type" if metric == "Interruptions" else "ErrorCode"
    published = {
        place: counts
        for place, counts in calls.window.items()
        if place[0].metric == metric and own not in dict(place[0].dimensions)
    }
    assert len(published) > 3
    assert found == published


def test_a_record_without_a_timeline_gives_what_its_rows_tell() -> None:
    for record in replayed().records:
        bare = replace(record, timeline=None)
        assert not has_all_samples(bare)
        waits = [one.value for one in samples_of(bare) if one.metric == "CallerWait"]
        told = [row.caller_wait_ms for row in record.turn_rows if row.caller_wait_ms is not None]
        assert sorted(waits) == sorted(told)
