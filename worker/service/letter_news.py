"""What a commit's dead letters say to those who look after the worker: never their bytes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from worker.partition.dead_letters import OccurrenceLetter, SessionLetter

LATEST: Final = 20
"""The number of dead letters of which the origin is given."""

_OFFSET: Final = re.compile(r" \(byte \d+\)")


class LetterOrigin(NamedTuple):
    """The reason for a dead letter, its place (shard and sequence number, or the session's SID),
    and its arrival time (RFC 3339, UTC).
    """

    reason: str
    place: str
    time: str


class LetterNews(NamedTuple):
    """The number of dead letters by reason, and the origins of the ``latest`` ones, in order."""

    reasons: Counter[str]
    latest: list[LetterOrigin]


def letter_news(
    occurrences: Sequence[OccurrenceLetter], sessions: Sequence[SessionLetter]
) -> LetterNews:
    """Return the news of a commit's dead letters."""
    latest = [_of_occurrence(one) for one in occurrences[-LATEST:]]
    latest += [_of_session(one) for one in sessions[-LATEST:]]
    reasons = Counter(_grouped(one.reason) for one in occurrences)
    reasons.update(_grouped(one.reason) for one in sessions)
    return LetterNews(reasons, latest[-LATEST:])


def _grouped(reason: str) -> str:
    """Return a reason without the offset at which parsing failed."""
    return _OFFSET.sub("", reason)


def _of_occurrence(letter: OccurrenceLetter) -> LetterOrigin:
    part = "" if letter.sub_sequence is None else f", part {letter.sub_sequence}"
    place = f"{letter.shard} {letter.sequence_number}{part}"
    return LetterOrigin(letter.reason, place, letter.arrival)


def _of_session(letter: SessionLetter) -> LetterOrigin:
    return LetterOrigin(letter.reason, f"session {letter.session_id}", letter.arrival)
