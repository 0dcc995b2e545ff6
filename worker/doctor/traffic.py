"""Checks of the traffic on the stream, by a sample of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final

from worker.doctor.facts import Expectations, Facts, State, StreamSample
from worker.doctor.findings import Finding, not_known, ok, warn
from worker.metrics.distribution import Distribution, summarise

_CURRENT_SCHEMA: Final = 3
_ENOUGH_EVENTS: Final = 100
_ENOUGH_SESSIONS: Final = 10
_LONGEST_DIRECT_S: Final = 3_600
_LONGEST_TURN_S: Final = 14_400
"""The settings' bounds."""

_LATE_DIRECT: Final = 0.05
_LATE_TURN: Final = 0.01
"""Shares of events that may arrive after a hold: they are published all the same, but late."""

_CHECKS: Final = ("events", "Advanced Features", "schema version", "sessions by shard", "holds")


def traffic(facts: Facts, expected: Expectations) -> Iterator[Finding]:
    """Check events, Advanced Features, schema version, spread over shards, holds and sequence
    numbers.
    """
    yield from _of_sample(facts.sample, expected)
    if facts.state.problem is None:
        yield _numbers(facts.state)


def _of_sample(sample: StreamSample | None, expected: Expectations) -> Iterator[Finding]:
    if sample is None:
        for check in _CHECKS:
            yield not_known(check, "nothing could be read", "see GetRecords")
        return
    yield _events(sample)
    yield _advanced(sample)
    yield _schemas(sample)
    yield _cross_shard(sample)
    yield _holds(sample, expected)


def _events(sample: StreamSample) -> Finding:
    found = (
        f"{sample.occurrences:,} in a sample of {sample.minutes} min of {sample.shards} shards: "
        f"{sample.relay:,} ConversationRelay, {sample.gateway:,} other gateway events, "
        f"{sample.other:,} of other types, {sample.test_events:,} test events, "
        f"{sample.unreadable:,} unreadable"
    )
    if not sample.occurrences:
        return not_known("events", found, "make a call, or sample further back with --minutes")
    if sample.unreadable:
        return warn(
            "events",
            found,
            "run the worker and see `voice-insights dead-letters list` for the reasons",
        )
    return ok("events", found)


def _advanced(sample: StreamSample) -> Finding:
    if sample.relay:
        return ok("Advanced Features", "on: ConversationRelay events arrive")
    if sample.gateway:
        return warn(
            "Advanced Features",
            "gateway events arrive, but none from ConversationRelay",
            "turn on Voice Insights Advanced Features (they don't apply to past calls), and check "
            "that calls use ConversationRelay",
        )
    return not_known("Advanced Features", "no gateway event seen", "make a ConversationRelay call")


def _schemas(sample: StreamSample) -> Finding:
    if not sample.schemas:
        return not_known("schema version", "no event with a dataschema seen", "make a call")
    found = ", ".join(f"/{name}: {count:,}" for name, count in sorted(sample.schemas.items()))
    if any(_is_old(name) for name in sample.schemas):
        return warn(
            "schema version",
            found,
            "a subscription keeps the version that it was made with: raise it to version "
            f"{_CURRENT_SCHEMA} by `voice-insights twilio sink validate`",
        )
    return ok("schema version", found)


def _is_old(name: str) -> bool:
    return name.isdecimal() and int(name) < _CURRENT_SCHEMA


def _cross_shard(sample: StreamSample) -> Finding:
    check = "sessions by shard"
    if sample.shards < 2:
        return ok(check, "one shard, so each session is on one")
    if sample.seen < _ENOUGH_SESSIONS:
        return not_known(check, f"{sample.seen} sessions seen", "run again under traffic")
    share = sample.cross_shard / sample.seen
    found = f"{share:.0%} of {sample.seen:,} sessions are on several shards"
    return ok(check, f"{found}, which doesn't matter to a worker that reads all shards")


def _holds(sample: StreamSample, expected: Expectations) -> Finding:
    delays = summarise(sample.delays)
    if delays is None or delays.count < _ENOUGH_EVENTS:
        seen = 0 if delays is None else delays.count
        return not_known("holds", f"{seen} events seen", "run again under traffic")
    direct = min(_LONGEST_DIRECT_S, proposed(delays.p95, 0, 10))
    turn = min(_LONGEST_TURN_S, max(direct, proposed(delays.p99, expected.quiet_s, 30)))
    found = (
        f"DeliveryDelay p50 {delays.p50 / 1000:.1f} s, p95 {delays.p95 / 1000:.1f} s, "
        f"p99 {delays.p99 / 1000:.1f} s; hold_direct_s = {expected.hold_direct_s}, "
        f"hold_turn_s = {expected.hold_turn_s}"
    )
    late_direct = _later_than(sample.delays, expected.hold_direct_s)
    late_turn = _later_than(sample.delays, expected.hold_turn_s)
    if late_direct <= _LATE_DIRECT and late_turn <= _LATE_TURN:
        return ok("holds", found)
    return warn(
        "holds",
        f"{found}; {late_direct:.1%} and {late_turn:.1%} of events arrive later than that",
        f"hold_direct_s = {direct}, hold_turn_s = {turn} would wait for them (nothing is lost "
        "either way: later events are published later)",
    )


def _numbers(state: State) -> Finding:
    check, numbers = "sequence numbers", state.numbers
    if numbers is None and state.stream is not None:
        return not_known(check, "the state could not be read whole", "run again, or see state")
    if numbers is None or not numbers.closed:
        return ok(check, "no session has closed yet; an absent one counts as a missing event")
    found = f"{numbers.sparse:,} of {numbers.closed:,} closed sessions lack more than a quarter"
    if numbers.found_sparse:
        return warn(
            check,
            f"{found}: the worker no longer counts an absent one as a missing event",
            "minutes are sent by time alone, and nothing counts as doubtful; if events were lost "
            "rather than numbers skipped, fix the sink and set sequence_numbers = contiguous",
        )
    return ok(check, f"{found}, so an absent one counts as a missing event")


def proposed(delay_ms: float, more_s: int, step_s: int) -> int:
    """A hold, in whole steps of seconds, longer than ``delay_ms`` plus ``more_s``."""
    return max(step_s, ceil((delay_ms / 1000 + more_s) / step_s) * step_s)


def _later_than(delays: Distribution, hold_s: int) -> float:
    late = sum(count for delay, count in delays.items() if delay > hold_s * 1000)
    return late / sum(delays.values())
