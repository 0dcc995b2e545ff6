"""Replay: offline exact whatever the order, as live exact but for what it couldn't know yet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.building import accounts_add_up
from tests.reachable import texts_within
from tests.scenes import BASE, records
from worker.events.event import SessionKey
from worker.metrics.catalogue import CATALOGUE, Hold
from worker.metrics.series import EmittedSample
from worker.partition.commit_outputs import Outputs
from worker.partition.dead_letters import OccurrenceLetter
from worker.partition.rules import Rules
from worker.recordings.damaged_line import DamagedLine
from worker.replay import Item, LiveReplay, Replay, run_replay
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records
from worker.times.minutes import MINUTE

UNKNOWN_YET = ("revision", "close_reason")
"""The fields in which live and offline may differ for one session."""


class Kept:
    """All that a replay gives out."""

    def __init__(self, kind: type[Replay], items: Iterable[Item], rules: Rules | None = None):
        self.outputs: list[Outputs] = []
        self.revisions: dict[SessionKey, list[int]] = {}
        self.lines: dict[SessionKey, dict[str, Any]] = {}
        self.told: Counter[EmittedSample] = Counter()
        self.over_emitted: dict[SessionKey, Counter[EmittedSample]] = {}
        self.letters: list[OccurrenceLetter] = []
        replay = kind(rules or Rules(), self._take)
        run_replay(items, replay, lambda _: None, 1000)
        self.counters = replay.counters

    def _take(self, outputs: Outputs) -> None:
        self.outputs.append(outputs)
        self.letters += outputs.dead_letters
        for record in outputs.records:
            self.revisions.setdefault(record.key, []).append(record.revision)
            self.lines[record.key] = json.loads(record.line)
        for (series, minute), distribution in outputs.window.items():
            for value, count in distribution.items():
                self.told[EmittedSample(series, minute, value)] += count
        for key, evicted in outputs.evicted.items():
            self.over_emitted[key] = Counter(dict(evicted.state.over_emitted))

    def sessions(self) -> dict[SessionKey, dict[str, Any]]:
        """The last record of each session, as far as live and offline have to agree."""
        return {
            key: {name: value for name, value in line.items() if name not in UNKNOWN_YET}
            for key, line in self.lines.items()
        }


def per_session(told: Counter[EmittedSample]) -> Counter[EmittedSample]:
    return Counter(
        {one: n for one, n in told.items() if CATALOGUE[one.series.metric].hold is Hold.SESSION}
    )


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 60.0, 600.0]))
def test_live_comes_to_the_same_records_and_samples_as_offline(seed: int, delay_s: float) -> None:
    items = list(
        simulated_records(
            Traffic(
                sessions=8,
                spread_s=600,
                delay_median_s=delay_s,
                delay_sigma=1.0,
                stragglers=0.01,
                duplicates=0.1,
                malformed=0.01,
                aggregates=0.05,
            ),
            seed,
        )
    )
    offline, live = Kept(Replay, items), Kept(LiveReplay, items)
    assert live.sessions() == offline.sessions()
    surplus: Counter[EmittedSample] = sum(live.over_emitted.values(), Counter())
    assert live.told - per_session(live.told) == (
        offline.told - per_session(offline.told) + surplus
    )
    assert live.counters["samples_retracted"] >= surplus.total()
    ended = [one for one in per_session(live.told) if one.series.metric == "SessionsEnded"]
    assert sum(live.told[one] for one in ended if not one.series.dimensions) == len(live.lines)
    for name in ("occurrences", "events", "folded", "duplicates", "dead_letters", "ignored"):
        assert live.counters[name] == offline.counters[name]
    for kept in (offline, live):
        assert accounts_add_up(kept.counters)
        assert kept.counters["dead_letters"] == len(kept.letters)


@settings(max_examples=5)
@given(st.integers(0, 10**6))
def test_revisions_only_rise_and_every_session_is_recorded(seed: int) -> None:
    items = list(simulated_records(Traffic(sessions=8, spread_s=300, stragglers=0.02), seed))
    live = Kept(LiveReplay, items)
    for revisions in live.revisions.values():
        assert revisions == sorted(set(revisions))
        assert revisions[0] == 1
    assert live.counters["sessions_opened"] == len(live.lines)


def test_what_arrives_at_once_and_in_order_needs_no_correction_live() -> None:
    items = list(simulated_records(Traffic(sessions=30, delay_median_s=0, duplicates=0), 4))
    live = Kept(LiveReplay, items)
    assert live.counters["samples_retracted"] == 0
    assert live.counters["sessions_revised"] == 0
    assert live.counters["late_events"] == 0


def test_offline_every_minute_of_a_series_comes_once_and_whole() -> None:
    items = list(simulated_records(Traffic(sessions=30), 8))
    keys = [key for outputs in Kept(Replay, items).outputs for key in outputs.window]
    assert len(keys) == len(set(keys)) > 0


def test_offline_no_event_is_too_old() -> None:
    late = [replace(one, arrival=BASE + 10 * 86_400_000) for one in records([(0, "dtmf")])]
    fresh = [Record("s", "9", BASE + 9 * 86_400_000, late[0].data, "")]
    assert Kept(Replay, fresh + late).letters == []


def test_live_an_event_older_than_any_session_is_a_dead_letter() -> None:
    (old,) = records([(0, "dtmf")])
    late = [replace(old, arrival=BASE + 7 * 3_600_000)]
    (letter,) = Kept(LiveReplay, late).letters
    assert letter.reason.startswith("expired")
    assert letter.data == old.data


def test_live_a_session_comes_back_for_four_hours_after_its_close() -> None:
    scene = [(0, "dtmf"), (1000, "call_wrap_up", {"end_status": "ended"})]
    late = records([(500, "digit")])[0]
    arrival = BASE + 4 * 3_600_000
    kept = Kept(LiveReplay, [*records(scene), replace(late, arrival=arrival)])
    ((key, line),) = kept.lines.items()
    assert kept.revisions[key] == [1, 2]
    assert (line["dtmf"], line["digits"], line["end_status"]) == (1, 1, "ended")
    assert line["close_reason"] == "wrap_up"


def test_live_a_closed_session_is_kept_no_longer_than_it_can_come_back() -> None:
    (one,) = records([(0, "call_wrap_up", {"end_status": "ended"})])
    items = [
        replace(one, arrival=BASE + n * 3_600_000, data=one.data.replace(b"VX1", b"VX7%d" % n))
        for n in range(6)
    ]
    replay = LiveReplay(Rules(), lambda _: None)
    kept: list[set[str]] = []
    run_replay(items, replay, lambda _: kept.append(texts_within(replay)), 1)
    assert {"VX70", "VX74"} <= kept[4]
    assert "VX74" in kept[5]
    assert "VX70" not in kept[5]


@pytest.mark.parametrize("kind", [Replay, LiveReplay])
def test_no_input_gives_nothing(kind: type[Replay]) -> None:
    kept = Kept(kind, [])
    assert (kept.lines, kept.told, kept.letters) == ({}, Counter(), [])
    assert set(kept.counters.values()) == {0}
    assert "occurrences" in kept.counters


@pytest.mark.parametrize("kind", [Replay, LiveReplay])
def test_a_damaged_line_is_one_occurrence_and_moves_no_clock(kind: type[Replay]) -> None:
    line = DamagedLine("shard-0", 2, "not JSON", b"{oops")
    scene = records([(0, "dtmf"), (5, "call_wrap_up")])
    kept = Kept(kind, [scene[0], line, scene[1]])
    assert kept.counters["occurrences"] == 3
    (letter,) = kept.letters
    assert (letter.reason, letter.data, letter.shard, letter.sequence_number) == (
        *("not JSON", b"{oops", "shard-0"),
        "line 2",
    )
    assert kept.sessions() == Kept(kind, scene).sessions()


def test_live_minutes_go_out_while_the_input_still_runs() -> None:
    scene = [(0, "stt_latency", {"latency_ms": 7}), *((n * 30_000, "dtmf") for n in range(20))]
    kept = Kept(LiveReplay, records(scene))
    first = next(n for n, out in enumerate(kept.outputs) if out.window)
    assert first < len(kept.outputs) - 2
    minutes = {told.minute for told in kept.told}
    assert minutes == {BASE + n * MINUTE for n in range(10)}


def test_progress_is_told_every_so_many_items() -> None:
    seen: list[int] = []
    replay = Replay(Rules(), lambda _: None)
    run_replay(records([(n, "dtmf") for n in range(25)]), replay, seen.append, 10)
    assert seen == [10, 20]
    assert replay.counters["events"] == 25


def test_many_sessions_are_closed_in_stretches_and_none_is_left_out() -> None:
    (one,) = records([(0, "dtmf")])
    items = [replace(one, data=one.data.replace(b"VX1", b"VX%d" % n)) for n in range(1203)]
    kept = Kept(Replay, items)
    assert len(kept.lines) == 1203
    assert sum(len(outputs.records) for outputs in kept.outputs) == 1203
