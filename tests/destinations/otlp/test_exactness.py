"""What a receiver ends up with is what the session records say, whatever happens on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from tests.destinations.otlp.sending import CALM, Sending, lines_of, replayed
from worker.destinations.otlp.metrics import Temporality
from worker.partition.commit_outputs import Outputs
from worker.testing.strict_otlp import METRICS, TRACES, StrictOtlp, random_otlp_faults
from worker.testing.strict_points import KeptPoint

LATENCIES: Final = {
    "stt": "stt",
    "tts": "tts",
    "application": "application",
    "response": "response",
    "caller_wait": "caller_wait",
    "time_to_reply_end": "time_to_reply_end",
    "reply_duration": "reply_duration",
    "token_stream": "token_stream_duration",
    "barge_in_stop": "barge_in_stop_time",
}
COUNTS: Final = (
    *("turns", "ambiguous_turns", "prompts", "unanswered_prompts", "ambiguous_replies"),
    *("abandoned_waits", "preemptions", "language_changes", "invalid_latencies"),
)
SEEDS: Final = range(1, 21)


class Summed(NamedTuple):
    """Latencies in ms."""

    samples: int
    sum: int
    min: int
    max: int


def of_records(lines: Iterable[bytes]) -> tuple[dict[str, Summed], dict[str, int]]:
    """Each latency over all sessions, and each count, by OpenTelemetry's names."""
    parts = defaultdict[str, list[Any]](list)
    counts = defaultdict[str, int](int)
    for line in lines:
        record = msgspec.json.decode(line)
        for field, name in LATENCIES.items():
            if record["latency_ms"][field] is not None:
                parts[name].append(record["latency_ms"][field])
        for field in COUNTS:
            counts[field] += record[field]
        counts["interruptions"] += record["interruptions"]["total"]
    latencies = {
        name: Summed(
            sum(one["count"] for one in some),
            sum(round(one["avg"] * one["count"]) for one in some),
            min(one["min"] for one in some),
            max(one["max"] for one in some),
        )
        for name, some in parts.items()
    }
    return latencies, {name: n for name, n in counts.items() if n}


def by_name(strict: StrictOtlp) -> dict[str, list[KeptPoint]]:
    found = defaultdict[str, list[KeptPoint]](list)
    for key, point in strict.points.kept.items():
        found[key.name.removeprefix("voice_insights.")].append(point)
    return found


def kept(strict: StrictOtlp) -> tuple[dict[str, Summed], dict[str, int]]:
    """The same as the receiver has it, over all series of a name."""
    names = by_name(strict)
    latencies = {
        name: Summed(
            sum(one.samples for one in points),
            round(1000 * sum(one.sum for one in points)),
            round(1000 * min(one.min for one in points)),
            round(1000 * max(one.max for one in points)),
        )
        for name, points in names.items()
        if name in LATENCIES.values()
    }
    counters = {name: sum(p.sum for p in names[name]) for name in (*COUNTS, "interruptions")}
    return latencies, {name: round(n) for name, n in counters.items() if n}


@pytest.fixture(scope="module")
def recordings() -> dict[int, list[Outputs]]:
    return {seed: replayed(CALM, seed) for seed in SEEDS}


@pytest.mark.slow
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_counts_sums_and_extremes_are_those_of_the_session_records(
    temporality: Temporality, recordings: dict[int, list[Outputs]]
) -> None:
    for commits in recordings.values():
        sending = Sending(StrictOtlp(), temporality)
        sending.send(commits)
        assert sending.strict.rejected == []
        assert kept(sending.strict) == of_records(lines_of(commits))


@pytest.mark.slow
def test_after_faults_and_a_resend_of_everything_the_receiver_has_the_same(
    recordings: dict[int, list[Outputs]],
) -> None:
    for seed in SEEDS:
        calm, stormy = Sending(StrictOtlp()), Sending(StrictOtlp(_faults(seed)))
        for sending in (calm, stormy):
            sending.send(recordings[seed])
        assert len(stormy.strict.requests) > len(calm.strict.requests)
        assert stormy.strict.rejected == []
        assert list(stormy.dead.lines) == []
        points, spans = dict(calm.strict.points.kept), dict(calm.strict.spans)
        assert (stormy.strict.points.kept, stormy.strict.spans) == (points, spans)
        for kind, body in calm.bodies:
            calm.destinations()[kind].sink.send(body)
        assert (calm.strict.points.kept, calm.strict.spans) == (points, spans)


def _faults(seed: int) -> Iterator[Any]:
    return random_otlp_faults(Random(seed), 0.3)


def test_a_fresh_worker_that_sends_all_again_in_order_adds_nothing() -> None:
    """Older points are refused, for the receiver has newer ones of their series."""
    commits = replayed(CALM, 7)
    sending = Sending(StrictOtlp())
    sending.send(commits)
    points, spans = dict(sending.strict.points.kept), dict(sending.strict.spans)
    again = Sending(sending.strict)
    for kind, body in sending.bodies:
        again.destinations()[kind].sink.send(body)
    assert (sending.strict.points.kept, sending.strict.spans) == (points, spans)
    assert sending.strict.requests.count(TRACES) % 2 == 0
    assert sending.strict.requests.count(METRICS) > 1
