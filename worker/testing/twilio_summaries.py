"""Twilio's summary of a session, computed from its rows by Twilio's own definitions.

It shares no code with the worker's turn rules, so that their agreement is evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

SummaryRow = dict[str, Any]

_LONGEST_MS: Final = 600_000


def agent_session_summaries(rows: Iterable[SummaryRow]) -> list[SummaryRow]:
    """A summary of each session in the rows of a call, ordered by the sessions' beginnings."""
    sessions: dict[str, list[SummaryRow]] = {}
    for row in sorted(rows, key=_place):
        relay = row.get("conversation_relay_data")
        if relay is not None:
            sessions.setdefault(relay["session_id"], []).append(row)
    return [_summary(session_id, own) for session_id, own in sessions.items()]


def _place(row: SummaryRow) -> tuple[str, int]:
    relay = row.get("conversation_relay_data") or {}
    return row["timestamp"], relay.get("sequence_number", 0)


def _summary(session_id: str, rows: Sequence[SummaryRow]) -> SummaryRow:
    names = [row["name"] for row in rows]
    tokens = [_payload(row, "last_token_received") for row in rows]
    wrap_ups = [one for row in rows if (one := _payload(row, "call_wrap_up"))]
    return {
        "session_id": session_id,
        "stt_latency_ms": _spread(_latencies(rows, "stt_latency")),
        "tts_latency_ms": _spread(_latencies(rows, "tts_latency")),
        "network_latency_ms": _spread([]),
        "time_to_first_audio_ms": _spread([]),
        "application_latency_ms": _spread(list(_application(rows))),
        "tokens": {
            "total": sum(one.get("total_tokens", 0) for one in tokens),
            "tokens_per_second": _spread([]),
        },
        "words": {
            "total": sum(one.get("total_words", 0) for one in tokens),
            "words_per_minute": _spread([]),
        },
        "turns": _turns(names),
        "interruptions": {
            "customer_to_agent": _broke_in(names, "customer", "agent"),
            "agent_to_customer": _broke_in(names, "agent", "customer"),
        },
        "session_state": wrap_ups[-1]["end_status"] if wrap_ups else "unknown",
    }


def _payload(row: SummaryRow, key: str) -> SummaryRow:
    found = row["conversation_relay_data"].get(key)
    return found if isinstance(found, dict) else {}


def _latencies(rows: Iterable[SummaryRow], key: str) -> list[int]:
    values = (_payload(row, key).get("latency_ms") for row in rows)
    return [value for value in values if value is not None and 0 <= value <= _LONGEST_MS]


def _application(rows: Iterable[SummaryRow]) -> Iterable[int]:
    """Latencies from the latest prompt to the first token after it, one per prompt."""
    prompt: int | None = None
    for row in rows:
        if row["name"] == "prompt_sent":
            prompt = _ms(row)
        elif row["name"] == "first_token_received" and prompt is not None:
            yield _ms(row) - prompt
            prompt = None


def _turns(names: Iterable[str]) -> int:
    """The number of turns: the customer starts speaking, then the agent does."""
    turns, customer = 0, False
    for name in names:
        if name == "start_of_customer_speech":
            customer = True
        elif name == "start_of_agent_speech":
            turns += customer
            customer = False
    return turns


def _broke_in(names: Iterable[str], who: str, whom: str) -> int:
    """How often one side began to speak while the other was speaking."""
    times, speaking = 0, False
    for name in names:
        if name == f"start_of_{whom}_speech":
            speaking = True
        elif name == f"end_of_{whom}_speech":
            speaking = False
        elif name == f"start_of_{who}_speech":
            times += speaking
    return times


def _spread(values: Sequence[int]) -> dict[str, float]:
    if not values:
        return {"min": 0.0, "max": 0.0, "avg": 0.0}
    return {
        "min": float(min(values)),
        "max": float(max(values)),
        "avg": sum(values) / len(values),
    }


def _ms(row: SummaryRow) -> int:
    """The row's time in epoch milliseconds."""
    stamp = datetime.fromisoformat(row["timestamp"])
    return round(stamp.timestamp() * 1000)
