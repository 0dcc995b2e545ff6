"""Every metric is an instrument in base units, with bounds that contain the platform's targets."""

from __future__ import annotations

import pytest

from worker.metrics.catalogue import CATALOGUE
from worker.metrics.instruments import LATENCY_BOUNDS, instrument_of
from worker.monitoring.targets import TARGETS


@pytest.mark.parametrize("metric", CATALOGUE)
def test_a_histogram_has_ascending_bounds_and_a_counter_has_none(metric: str) -> None:
    instrument = instrument_of(metric)
    assert instrument.is_histogram == bool(instrument.bounds)
    assert list(instrument.bounds) == sorted(set(instrument.bounds))
    assert len(instrument.bounds) <= 15  # as many as a cell's number has room for
    assert instrument.divisor % CATALOGUE[metric].scale == 0


def test_no_two_metrics_have_one_name() -> None:
    assert len({instrument_of(metric).name for metric in CATALOGUE}) == len(CATALOGUE)


def test_latencies_are_in_seconds_and_named_without_their_unit() -> None:
    stt = instrument_of("SttLatency")
    assert (stt.name, stt.unit, stt.divisor) == ("stt", "s", 1000)
    assert instrument_of("TimeToFirstAudio").name == "time_to_first_audio"
    share = instrument_of("AgentTalkShare")
    assert (share.unit, share.divisor, share.bounds[-1]) == ("1", 10_000, 10_000)


def test_the_latencies_bounds_contain_every_target() -> None:
    assert {target for targets in TARGETS.values() for target in targets} <= set(LATENCY_BOUNDS)
