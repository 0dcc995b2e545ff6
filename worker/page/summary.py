"""A session record as one row of the sessions table. Pure.

A wait counts as a call's longest only if no event is missing in it; an abandoned wait counts up to
the session's end. Waits with missing events are marked as doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from worker.page.bins import cell_of
from worker.page.samples import instant, samples_of
from worker.sessions.schema import SessionRecord
from worker.sessions.timeline import Timeline
from worker.times.minutes import MINUTE, minute_of

STRIP: Final = 180
"""The length of a call's strip, in units."""
GROUP_END: Final = "!"
_STRIP_LETTER: Final = 0x23
"""A place in a strip stands as the character so far above it: mostly a byte, and never the end of a
group.
"""
_LETTER: Final = 0x100
"""The code point that encodes 0 in a strip; a number is added to it to give one character."""
_MINUTES_AT_MOST: Final = 50_000
"""More minutes don't fit into a character below the surrogates."""


def longest_wait(record: SessionRecord) -> tuple[int, bool] | None:
    """The longest wait without doubt in ms, and whether it was abandoned; None without any."""
    waits = _waits(record)
    return max(waits, default=None)


def summary_row(record: SessionRecord) -> dict[str, Any]:
    """The row; instants in epoch ms, durations in ms. ``cells``: of each wait, how many minutes
    after the minute of the beginning it ended, and in which cell of length it is.
    """
    began, latency, context = instant(record.started_at), record.latency_ms, record.context
    longest = longest_wait(record)
    response = latency.response
    return {
        "sid": record.session_id,
        "call": record.call_sid,
        "platform": record.platform,
        "agent": record.agent,
        "began": began,
        "lasted": instant(record.ended_at) - began,
        "longest": longest and longest[0],
        "given_up": int(bool(longest and longest[1])),
        "median": latency.caller_wait and latency.caller_wait.p50,
        "response": response and response.p95,
        "turns": record.turns,
        "sure": response.count if response else 0,
        "interruptions": record.interruptions.total,
        "tokens": record.tokens.total,
        "end": record.end_status or "none",
        "language": language_of(record),
        "setup": " ".join(
            (
                *(context.transcription_provider, context.speech_model),
                *(context.tts_provider, context.voice),
            )
        ),
        "codes": [str(error.code) for error in record.errors],
        "abandoned": record.abandoned_waits,
        "unanswered": record.unanswered_prompts,
        "missing": record.completeness.missing,
        "doubtful": record.doubtful_waits,
        "strip": "" if record.timeline is None else _strip(record.timeline, _lasted(record)),
        "cells": "".join(
            _minute_letter(one.at, began) + chr(_LETTER + cell_of(one.value))
            for one in samples_of(record)
            if one.metric == "CallerWait"
        ),
    }


def _minute_letter(at: int, began: int) -> str:
    minutes = (minute_of(at) - minute_of(began)) // MINUTE
    return chr(_LETTER + min(max(minutes, 0), _MINUTES_AT_MOST))


def columns_of(rows: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """Transpose rows into columns, each named once."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def language_of(record: SessionRecord) -> str:
    """The language spoken at the call's end, else the language transcribed."""
    spoken, heard = record.context.tts_language, record.context.transcription_language
    return heard if spoken == "unknown" else spoken


def _lasted(record: SessionRecord) -> int:
    return instant(record.ended_at) - instant(record.started_at)


def _waits(record: SessionRecord) -> list[tuple[int, bool]]:
    ended = instant(record.ended_at)
    if record.timeline is not None and not record.timeline.omitted:
        lasted = _lasted(record)
        return [
            (lasted - one.since - one.speech_ms, True)
            if one.audio is None
            else (one.audio - one.since - one.speech_ms, False)
            for one in record.timeline.waits
            if not one.doubtful
        ]
    wait = record.latency_ms.caller_wait
    given_up = [
        (ended - instant(row.at), True) for row in record.turn_rows if row.outcome == "abandoned"
    ]
    return given_up + ([(int(wait.max), False)] if wait else [])


def _strip(timeline: Timeline, lasted: int) -> str:
    """The call in small: who speaks (customer, agent) and who waits (without and in doubt).

    Four groups, each followed by a ``GROUP_END``: of each part, how far it begins after the end of
    the part before, and how long it is, each as a character.
    """
    waits = [
        (bool(one.doubtful), one.since, lasted if one.audio is None else one.audio)
        for one in timeline.waits
    ]
    return "".join(
        _parts(group, lasted)
        for group in (
            [(one.start, one.end) for one in timeline.customer],
            [(one.start, one.end) for one in timeline.agent],
            [(since, until) for doubtful, since, until in waits if not doubtful],
            [(since, until) for doubtful, since, until in waits if doubtful],
        )
    )


def _parts(group: Iterable[tuple[int | None, int | None]], lasted: int) -> str:
    whole = sorted((start, end) for start, end in group if start is not None and end is not None)
    letters, before = "", 0
    for start, end in whole:
        since = max(_place(start, lasted), before)
        until = max(_place(end, lasted), since)
        letters += chr(_STRIP_LETTER + since - before) + chr(_STRIP_LETTER + until - since)
        before = until
    return letters + GROUP_END


def _place(at: int, lasted: int) -> int:
    return STRIP * at // lasted if lasted else 0
