"""The timeline of a call: who spoke when, when the caller waited, and for what. Pure.

The turn rules report to ``Pairs`` what they pair while they walk; nothing here pairs a second time,
so a picture of the call and its metrics can't disagree. Facts of single events, and where events
are missing, are read from the events themselves. Times are in ms since the session's first event.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from worker.events.event import EVENT_CODES
from worker.events.payload import Configured, LanguageChanged
from worker.sessions.context import ContextWalk
from worker.sessions.event_log import LoggedEvent, Ordered
from worker.sessions.event_walk import CONFIGURING, latency_of
from worker.sessions.marks import MARKS, TimelineEntry, TimelineMark, marks_of
from worker.sessions.pairing import Pairing
from worker.sessions.sequence_numbers import breaks_of
from worker.sessions.turn_rows import RowOutcome, TurnRow

MAX_ENTRIES: Final = 2_000
"""The most entries of a timeline; the earliest are kept."""


class Speech(TimelineEntry, frozen=True, gc=False):
    """The customer speaks; None for a start or an end that was never seen."""

    start: int | None
    end: int | None


class Utterance(TimelineEntry, frozen=True, gc=False):
    """The agent speaks; None for a start or an end that was never seen. ``outcome`` is that of its
    turn row, None if it answers nobody. ``response_ms``: only of a turn beyond doubt.
    """

    start: int | None
    end: int | None
    outcome: RowOutcome | None
    response_ms: int | None


class Wait(TimelineEntry, frozen=True, gc=False):
    """The caller waits, up to the agent's audio; None if that never came. ``speech_ms``: how long
    the caller speaks meanwhile. ``doubtful``: 1 if a missing event may have ended the wait.
    """

    since: int
    audio: int | None
    speech_ms: int
    doubtful: int


class Prompt(TimelineEntry, frozen=True, gc=False):
    """A prompt and the first token of its reply; None without a reply. ``sure``: 1 if the pairing
    is beyond doubt.
    """

    sent: int
    first_token: int | None
    sure: int


class ReplyStream(TimelineEntry, frozen=True, gc=False):
    """A reply's tokens; the end and the count are None where they are unknown."""

    first_token: int
    final_token: int | None
    tokens: int | None


class ReportedLatency(TimelineEntry, frozen=True, gc=False):
    """A latency in ms as an event reports it."""

    at: int
    latency_ms: int


class Gap(TimelineEntry, frozen=True, gc=False):
    """Missing sequence numbers: the times of the two events around them, and how many are
    missing.
    """

    after: int
    before: int
    missing: int


class InForce(TimelineEntry, frozen=True, gc=False):
    """A context, and the time since which it is in force."""

    since: int
    tts_language: str
    transcription_language: str
    tts_provider: str
    voice: str
    transcription_provider: str
    speech_model: str


class Timeline(msgspec.Struct, frozen=True, gc=False):
    """All entries of each kind by time. ``omitted``: the number of entries left out to limit its
    size.
    """

    customer: list[Speech]
    agent: list[Utterance]
    waits: list[Wait]
    prompts: list[Prompt]
    replies: list[ReplyStream]
    stt: list[ReportedLatency]
    tts: list[ReportedLatency]
    marks: list[TimelineMark]
    gaps: list[Gap]
    contexts: list[InForce]
    omitted: int


class Pairs(Pairing):
    """Collects what is paired; ``first`` is the session's first event."""

    __slots__ = ("_first", "_utterances", "customer", "prompts", "replies", "waits")

    def __init__(self, first: LoggedEvent) -> None:
        self._first = first.timestamp
        self.customer: list[Speech] = []
        self.waits: list[Wait] = []
        self.prompts: list[Prompt] = []
        self.replies: list[ReplyStream] = []
        self._utterances: list[tuple[int | None, int | None, TurnRow | None]] = []

    def spoke(self, since: LoggedEvent | None, until: LoggedEvent | None) -> None:
        """Add an utterance of the customer."""
        first = self._first
        self.customer.append(
            Speech(
                None if since is None else since.timestamp - first,
                None if until is None else until.timestamp - first,
            )
        )

    def prompted(self, sent: LoggedEvent, first_token: LoggedEvent | None, *, sure: bool) -> None:
        """Add a prompt."""
        first = self._first
        token = None if first_token is None else first_token.timestamp - first
        self.prompts.append(Prompt(sent.timestamp - first, token, 1 if sure else 0))

    def reply_begins(self, first_token: LoggedEvent) -> None:
        """Add a reply in progress."""
        self.replies.append(ReplyStream(first_token.timestamp - self._first, None, None))

    def reply_ends(self, final_token: LoggedEvent, tokens: int | None) -> None:
        """Complete the last reply."""
        began = self.replies[-1].first_token
        self.replies[-1] = ReplyStream(began, final_token.timestamp - self._first, tokens)

    def agent_begins(self, now: LoggedEvent, row: TurnRow | None) -> None:
        """Add an utterance of the agent in progress."""
        self._utterances.append((now.timestamp - self._first, None, row))

    def agent_ends(self, now: LoggedEvent, *, begun: bool) -> None:
        """Complete the last utterance, or add the end of one whose start was never seen."""
        end = now.timestamp - self._first
        if begun:
            start, _, row = self._utterances[-1]
            self._utterances[-1] = start, end, row
        else:
            self._utterances.append((None, end, None))

    def waited(
        self, since: LoggedEvent, audio: LoggedEvent | None, speech_ms: int, *, doubtful: bool
    ) -> None:
        """Add a wait."""
        first = self._first
        until = None if audio is None else audio.timestamp - first
        self.waits.append(Wait(since.timestamp - first, until, speech_ms, 1 if doubtful else 0))

    def agent(self) -> list[Utterance]:
        """Return the agent's utterances."""
        return [
            Utterance(start, end, None, None)
            if row is None
            else Utterance(start, end, row.outcome, row.response_ms)
            for start, end, row in self._utterances
        ]


def timeline_of(pairs: Pairs, ordered: Ordered, *, holes: bool) -> Timeline:
    """Return the timeline of a session from its pairs and all of its events, at least one.
    ``holes``: whether any numbers are missing.
    """
    rows = ordered.rows
    first, notable = rows[0].timestamp, [row for row in rows if row.name in _NOTABLE]
    return _bounded(
        Timeline(
            customer=pairs.customer,
            agent=pairs.agent(),
            waits=pairs.waits,
            prompts=sorted(pairs.prompts, key=_SENT),
            replies=pairs.replies,
            stt=_reported(first, notable, _STT),
            tts=_reported(first, notable, _TTS),
            marks=marks_of(first, notable),
            gaps=_gaps(ordered) if holes else [],
            contexts=_contexts(first, notable),
            omitted=0,
        )
    )


def _begin(entry: TimelineEntry) -> int:
    """Return when an entry begins; if that was never seen, when it ends."""
    begin, end = astuple(entry)[:2]
    at: int = end if begin is None else begin
    return at


def _bounded(whole: Timeline) -> Timeline:
    lists = {name: getattr(whole, name) for name in _KINDS}
    beyond = sum(map(len, lists.values())) - MAX_ENTRIES
    if beyond <= 0:
        return whole
    begun = sorted((_begin(entry), kind) for kind, some in lists.items() for entry in some)
    kept = Counter(kind for _, kind in begun[:MAX_ENTRIES])
    return replace(whole, omitted=beyond, **{kind: lists[kind][: kept[kind]] for kind in _KINDS})


def _reported(first: int, notable: list[LoggedEvent], code: int) -> list[ReportedLatency]:
    return [
        ReportedLatency(row.timestamp - first, latency)
        for row in notable
        if row.name == code and (latency := latency_of(row.payload)) is not None
    ]


def _gaps(ordered: Ordered) -> list[Gap]:
    breaks = breaks_of(ordered)
    beside = {number for one in breaks for number in (one.before, one.after)}
    earliest, latest = dict[int, int](), dict[int, int]()
    for row in ordered.rows:
        if (number := row.sequence_number) in beside:
            earliest.setdefault(number, row.timestamp)
            latest[number] = row.timestamp
    first, gaps = ordered.rows[0].timestamp, list[Gap]()
    for before, after, missing in breaks:
        around = latest[before] - first, earliest[after] - first
        gaps.append(Gap(min(around), max(around), missing))
    return sorted(gaps, key=astuple)


def _contexts(first: int, notable: list[LoggedEvent]) -> list[InForce]:
    """Return the successive contexts; there is none before the first configuration."""
    walk, found = ContextWalk(), list[InForce]()
    for row in notable:
        if row.name not in CONFIGURING:
            continue
        before, payload = walk.current, row.payload
        if row.name == _CONFIGURATIONS:
            walk.configured(payload if isinstance(payload, Configured) else Configured())
        elif isinstance(payload, LanguageChanged):
            walk.language_changed(payload)
        if walk.current != before:
            found.append(InForce(row.timestamp - first, *walk.current))
    return found


_KINDS: Final = tuple(name for name in Timeline.__struct_fields__ if name != "omitted")
_CONFIGURATIONS: Final = EVENT_CODES["configurations"]
_STT: Final = EVENT_CODES["stt_latency"]
_TTS: Final = EVENT_CODES["tts_latency"]
_NOTABLE: Final = frozenset((*MARKS, *CONFIGURING, _STT, _TTS))
"""The codes of the events that are facts by themselves."""
_SENT: Final = attrgetter("sent")
