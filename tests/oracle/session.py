"""One session: from its deliveries to its record and its samples."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from tests.oracle.context import Context, dimension_of, language_of
from tests.oracle.decoding import Event
from tests.oracle.linked import (
    LinkedWalk,
    lacking,
    longest_linked_silence,
    predecessors,
    time_away,
    turn_of,
)
from tests.oracle.numbers import distribution, half_up, iso, plain, published
from tests.oracle.samples import Sample
from tests.oracle.silence import longest_silence
from tests.oracle.turns import Walk
from tests.oracle.values import count_or_none

Series = tuple[str, tuple[tuple[str, str], ...], int]
"""Metric, dimensions sorted by name, and the minute in epoch ms."""

DIMENSION_SETS = {
    "SttLatency": ("TranscriptionProvider", "SpeechModel"),
    "TtsLatency": ("TtsProvider", "Voice"),
    "ApplicationLatency": ("Language",),
    "ResponseLatency": ("Language",),
    "CallerWait": ("Language",),
}
END_STATUSES = ("unknown", "failure", "ended", "hung_up")


class Result(NamedTuple):
    record: dict[str, Any]
    published: dict[Series, Counter[Fraction]]
    duplicates: int
    folded: int


class Merged(NamedTuple):
    """The set of a session's events in order, and what it took to get there."""

    events: list[Event]
    first_arrivals: list[int]
    conflicts: int


def result_of(deliveries: list[Event], contiguous: bool = True) -> Result:
    merged = merge(deliveries)
    walk, contexts = walk_of(merged.events, contiguous), list[dict[str, str]]()
    context = Context()
    for event in merged.events:
        context.take(event)
        contexts.append(context.normalised())
        walk.take(event)
    walk.close()
    duplicates = len(deliveries) - len(merged.events)
    record = record_of(merged, walk, context)
    add_linked_fields(walk, merged.events, record)
    add_session_samples(walk, merged, record)
    at = {event.identity: values for event, values in zip(merged.events, contexts, strict=True)}
    samples: dict[Series, Counter[Fraction]] = {}
    for sample in walk.samples:
        for dimensions in dimensions_of(sample, at[sample.event.identity]):
            if merged.events[0].link is not None:
                dimensions = tuple(sorted((*dimensions, ("Platform", "pinecall"))))
            minute = sample.event.timestamp // 60_000 * 60_000
            series = (sample.metric, dimensions, minute)
            value = published(sample.metric, sample.value)
            samples.setdefault(series, Counter())[value] += 1
    return Result(record, samples, duplicates, len(merged.events))


def merge(deliveries: list[Event]) -> Merged:
    by_identity: dict[tuple[Any, ...], list[Event]] = {}
    for event in deliveries:
        by_identity.setdefault(event.identity, []).append(event)
    winners, conflicts = [], 0
    for same in by_identity.values():
        conflicts += len(set(map(text_of, same))) - 1
        winners.append(max(same, key=text_of))
    winners.sort(key=lambda event: event.order)
    arrivals = [min(event.arrival for event in by_identity[winner.identity]) for winner in winners]
    return Merged(winners, arrivals, conflicts)


def walk_of(events: list[Event], contiguous: bool) -> Walk:
    if events[0].link is not None:
        return LinkedWalk(events, contiguous)
    return Walk({event.sequence_number for event in events} if contiguous else None)


def text_of(event: Event) -> str:
    return canonical(event.payload) if event.link is None else event.link.text


def canonical(payload: Any) -> str:
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def record_of(merged: Merged, walk: Walk, context: Context) -> dict[str, Any]:
    events, samples, count = merged.events, walk.samples, walk.count
    first, last = events[0], events[-1]
    duration, end_status = wrap_up_of(walk)
    talk = count["agent_ms"] + count["customer_ms"]
    share = half_up(Fraction(100 * count["agent_ms"], talk), 100) if talk else None
    return {
        "schema_version": 1,
        "platform": first.platform,
        "account_sid": first.account_sid,
        "call_sid": first.call_sid,
        "session_id": first.session_id,
        "revision": 1,
        "started_at": iso(first.timestamp),
        "ended_at": iso(last.timestamp),
        "duration_s": duration,
        "end_status": end_status,
        "close_reason": "wrap_up" if walk.wrap_up else "end_of_input",
        "context": context.normalised(),
        "configuration": context.settings,
        "latency_ms": {
            "stt": distribution(samples, "SttLatency"),
            "tts": distribution(samples, "TtsLatency"),
            "application": distribution(samples, "ApplicationLatency"),
            "response": distribution(samples, "ResponseLatency"),
            "caller_wait": distribution(samples, "CallerWait"),
            "time_to_reply_end": distribution(samples, "TimeToReplyEnd"),
            "reply_duration": distribution(samples, "ReplyDuration"),
            "token_stream": distribution(samples, "TokenStreamDuration"),
            "barge_in_stop": distribution(samples, "BargeInStopTime"),
            "time_to_first_audio": walk.time_to_first_audio,
        },
        **{
            name: count[name]
            for name in (
                *("turns", "ambiguous_turns", "prompts", "unanswered_prompts"),
                *("ambiguous_replies", "unattributed_replies", "agent_utterances"),
                *("abandoned_waits", "preemptions", "dtmf", "digits", "media"),
                *("language_changes", "invalid_latencies", "invalid_tokens"),
                *("doubtful_waits", "doubtful_turns", "doubtful_prompts"),
            )
        },
        "interruptions": {
            "total": sum(walk.interruptions.values()),
            "by_type": dict(walk.interruptions),
            "by_customer": count["interruptions_by_customer"],
            "by_agent": count["interruptions_by_agent"],
        },
        "tokens": {
            "total": count["tokens"],
            "words": count["words"],
            "replies": count["replies"],
            "per_second": distribution(samples, "TokensPerSecond"),
        },
        "talk": {
            "customer_ms": count["customer_ms"],
            "agent_ms": count["agent_ms"],
            "agent_share": None if share is None else plain(share),
            "longest_silence_ms": silence_of(events, walk),
        },
        "errors": [
            {"code": one["code"], "message": one["message"], "at": iso(one["event"].timestamp)}
            for one in walk.errors[:50]
        ],
        "unknown_events": dict(walk.unknown_events),
        "completeness": completeness(merged, walk),
    }


def silence_of(events: list[Event], walk: Walk) -> int:
    if isinstance(walk, LinkedWalk):
        return longest_linked_silence(events, walk.numbers is not None)
    return longest_silence(events, walk.numbers)


def wrap_up_of(walk: Walk) -> tuple[int | None, str | None]:
    """Duration in s and end status of the last wrap-up in order."""
    payload = walk.wrap_up.payload if walk.wrap_up else None
    if not isinstance(payload, dict):
        return None, None
    duration, status = payload.get("duration_in_seconds"), payload.get("end_status")
    return count_or_none(duration), status if isinstance(status, str) else None


def completeness(merged: Merged, walk: Walk) -> dict[str, Any]:
    numbers = [event.sequence_number for event in merged.events]
    return {
        "events": len(numbers),
        "conflicts": merged.conflicts,
        "order_conflicts": sum(later < earlier for earlier, later in pairwise(numbers)),
        "lost_ends": walk.count["lost_ends"],
        "first_sequence": min(numbers),
        "last_sequence": max(numbers),
        "missing": missing_of(merged),
        "sparse": is_sparse(merged),
        "cut": 0,
    }


def missing_of(merged: Merged) -> int:
    if merged.events[0].link is not None:
        return len(lacking(predecessors(merged.events)))
    numbers = {event.sequence_number for event in merged.events}
    return max(numbers) - min(numbers) + 1 - len(numbers)


def is_sparse(merged: Merged) -> bool:
    numbers = [event.sequence_number for event in merged.events]
    span = len(set(numbers)) + missing_of(merged)
    return span >= 20 and Fraction(missing_of(merged), span) > Fraction(1, 4)


def add_linked_fields(walk: Walk, events: list[Event], record: dict[str, Any]) -> None:
    """What only the records of some sessions have, since not every platform tells it."""
    if not isinstance(walk, LinkedWalk):
        return
    end_of_turn = distribution(walk.samples, "EndOfTurnDelay")
    if end_of_turn is not None:
        record["latency_ms"]["end_of_turn"] = end_of_turn
    link = events[0].link
    if link is not None and link.agent:
        record["agent"] = link.agent
    telling = any(
        event.name in ("call_held", "handoff", "tool_call") or turn_of(event) is not None
        for event in events
    )
    if telling:
        record["held_ms"], record["handoff_ms"] = time_away(events)
        record["handoffs"] = walk.count["handoffs"]
        record["tool_calls"] = walk.count["tool_calls"]


def add_session_samples(walk: Walk, merged: Merged, record: dict[str, Any]) -> None:
    """What is sampled per event and per session rather than by a turn rule."""
    for event, arrival in zip(merged.events, merged.first_arrivals, strict=True):
        walk.event = event
        walk.sample("DeliveryDelay", max(0, arrival - event.timestamp))
    walk.event = merged.events[0]
    walk.sample("SessionsStarted", 1)
    walk.event = merged.events[-1]
    walk.sample("SessionsEnded", 1, ("EndStatus", end_status_of(walk)))
    if record["duration_s"] is not None:
        walk.sample("SessionDuration", record["duration_s"])
    if not (isinstance(walk, LinkedWalk) and record["prompts"] and not walk.tells_tokens):
        walk.sample("TokensPerSession", record["tokens"]["total"])
    walk.sample("InterruptionsPerSession", record["interruptions"]["total"])
    walk.sample("TurnsPerSession", record["turns"])
    walk.sample("LongestSilence", record["talk"]["longest_silence_ms"])
    agent, customer = record["talk"]["agent_ms"], record["talk"]["customer_ms"]
    if agent + customer:
        walk.sample("AgentTalkShare", Fraction(100 * agent, agent + customer))
    if record["completeness"]["sparse"]:
        walk.sample("SparseSessions", 1)
    else:
        walk.sample("MissingEvents", record["completeness"]["missing"])


def end_status_of(walk: Walk) -> str:
    if walk.wrap_up is None:
        return "none"
    status = walk.wrap_up.payload.get("end_status") if walk.wrap_up.payload else None
    if status is None:
        return "unknown"  # a wrap-up that doesn't tell: the program's reading
    return status if status in END_STATUSES else "other"


def dimensions_of(sample: Sample, context: dict[str, str]) -> list[tuple[tuple[str, str], ...]]:
    """Without any dimension; by its own; by the default dimension set of its metric."""
    values = {
        "TranscriptionProvider": dimension_of(context["transcription_provider"]),
        "SpeechModel": dimension_of(context["speech_model"]),
        "TtsProvider": dimension_of(context["tts_provider"]),
        "Voice": dimension_of(context["voice"]),
        "Language": dimension_of(language_of(context)),
    }
    result: list[tuple[tuple[str, str], ...]] = [()]
    if sample.own:
        name, value = sample.own
        result.append(((name, dimension_of(value) if name in ("ErrorCode", "Tool") else value),))
    if sample.metric in DIMENSION_SETS:
        names = sorted(DIMENSION_SETS[sample.metric])
        result.append(tuple((name, values[name]) for name in names))
    return result
