"""The fleet: bins and cells hold every sample once, and an incident is found."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.page.calls import records
from tests.page.pictures import INCIDENT_MS, incident
from worker.page.fleet import BREAKDOWNS, BY_PLATFORM, FleetSamples, breakdowns_of, fleet_of
from worker.page.samples import COUNTS, RECORD_LATENCIES, samples_of
from worker.page.statistics import percentile


def test_every_sample_is_in_one_bin_and_every_wait_in_one_cell() -> None:
    gathered = FleetSamples(records())
    bins = gathered.bins()
    fleet = fleet_of(gathered, bins)
    for name in RECORD_LATENCIES:
        latency = fleet["latency"][name]
        assert sum(latency["n"]) == sum(gathered.merged(name).values()) > 0
        assert {len(latency[column]) for column in latency} == {bins.number}
    for name in COUNTS:
        assert sum(fleet["counts"][name]) == sum(gathered.merged(name).values())
    cells = [[count for _, count in column] for column in fleet["heat"]["cells"]]
    assert [sum(column) for column in cells] == fleet["latency"]["CallerWait"]["n"]


def test_a_bins_percentiles_are_those_of_its_samples() -> None:
    gathered = FleetSamples(records())
    bins = gathered.bins()
    latency = fleet_of(gathered, bins)["latency"]["CallerWait"]
    samples = [sample for one in records() for sample in samples_of(one)]
    waits = [one for one in samples if one.metric == "CallerWait"]
    for n in range(bins.number):
        values = sorted(one.value for one in waits if bins.of(one.at) == n)
        for percent in (50, 95, 99):
            expected = percentile(values, percent) if values else None
            assert latency[f"p{percent}"][n] == expected


def test_a_breakdown_has_every_sample_under_its_configuration_the_most_first() -> None:
    gathered = FleetSamples(records())
    for scope, found in zip(BREAKDOWNS, breakdowns_of(gathered), strict=True):
        counts = [row["n"] for row in found["rows"]]
        assert counts == sorted(counts, reverse=True)
        assert sum(counts) == sum(gathered.merged(scope.metric).values())
        assert len(counts) > 1


def test_calls_of_several_platforms_are_told_apart_and_those_of_one_need_no_name() -> None:
    theirs = [replace(one, platform="pinecall") for one in records()[:25]]
    ours = records()[25:]
    gathered = FleetSamples([*ours, *theirs])
    fleet = fleet_of(gathered, gathered.bins())
    assert fleet["platforms"] == ["pinecall", "twilio"]
    by = {one["title"]: one["rows"] for one in fleet["by"]}
    for metric, title in BY_PLATFORM.items():
        alone = {"twilio": FleetSamples(ours), "pinecall": FleetSamples(theirs)}
        assert {row["names"]: row["n"] for row in by[title]} == {
            (name,): sum(of.merged(metric).values()) for name, of in alone.items()
        }
    assert {row["names"][0] for row in by["Wait by language"]} == {"pinecall", "twilio"}
    one = fleet_of(FleetSamples(ours), gathered.bins())
    assert one["platforms"] == ["twilio"]
    assert not {scope["title"] for scope in one["by"]} & set(BY_PLATFORM.values())
    assert all(len(row["names"]) == 1 for row in one["by"][0]["rows"])


@pytest.mark.slow
def test_an_incidents_time_and_part_are_named() -> None:
    gathered = FleetSamples(incident())
    fleet = fleet_of(gathered, gathered.bins())
    verdict = fleet["verdict"]
    at = fleet["start"] + verdict["bin"] * fleet["width"]
    began, ended = INCIDENT_MS
    assert began <= at <= ended
    assert verdict["part"]["name"] == "ApplicationLatency"
    assert verdict["quarter"] > 10
