"""The spans of a session: its record's turn rows and timeline as one trace. Pure.

This module measures and pairs nothing: times and durations are those of the record. Attributes hold
only numbers and the names of providers, voices and languages; no transcript, phone number or error
message reaches a span.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from worker.destinations.otlp.identifiers import span_id_of, trace_id_of
from worker.destinations.otlp.turns import TurnInterval, turns_of
from worker.events.event import SessionKey
from worker.metrics.dimension_values import UNKNOWN, dimension_value
from worker.sessions.schema import SessionRecord
from worker.sessions.timeline import InForce, ReportedLatency, Speech, Timeline, Utterance
from worker.times.rfc3339 import parse_ms

Attribute = str | int | float | bool
SpanAttributes = dict[str, Attribute]
ApplicationOperation = Literal["off", "chat"]
"""Whether the customer's application counts as a language model: then its spans are chats."""

PREFIX: Final = "voice_insights."


class SpanEvent(NamedTuple):
    """An occurrence within a span, at an instant (epoch ms)."""

    at: int
    name: str
    attributes: SpanAttributes


class Span(NamedTuple):
    """One span. ``start``, ``end``: epoch ms. ``error``: the reason of an error status; None for
    any other status. ``is_client``: whether the span is a call to another program.
    """

    span_id: bytes
    parent_id: bytes
    name: str
    start: int
    end: int
    attributes: SpanAttributes
    error: str | None = None
    is_client: bool = False
    events: tuple[SpanEvent, ...] = ()


class Trace(NamedTuple):
    """The spans of a session, the root first."""

    trace_id: bytes
    spans: list[Span]


def key_of(record: SessionRecord) -> SessionKey:
    """Return the session's key."""
    return SessionKey(record.platform, record.account_sid, record.call_sid, record.session_id)


def trace_of(record: SessionRecord, application: ApplicationOperation = "off") -> Trace:
    """Return the trace of a session's record."""
    spans = _Spans(record)
    root = spans.add(None, _root(record, spans.first, spans.last))
    turns = turns_of(record)
    parents = [spans.add(root, _turn(turn)) for turn in turns]
    under = _Parents(root, turns, parents)
    if record.timeline is not None:
        for at, span in _parts(record, record.timeline, spans.first, application):
            spans.add(under.at(at), span)
    return Trace(spans.trace_id, spans.made)


class _Spans:
    """Collects spans, with their identifiers."""

    def __init__(self, record: SessionRecord) -> None:
        key = key_of(record)
        self.first = parse_ms(record.started_at) or 0
        self.last = parse_ms(record.ended_at) or 0
        self.trace_id: Final = trace_id_of(key)
        self.made: list[Span] = []
        self._common: SpanAttributes = {
            "gen_ai.conversation.id": key.session_id,
            "session.id": key.session_id,
        }
        self._seen: Counter[tuple[str, int]] = Counter()
        self._continued = record.continued

    def add(self, parent: bytes | None, span: Span) -> bytes:
        """Add a span under its parent, the root under None; return its identifier."""
        # one root per session, even if a later revision begins earlier
        start = 0 if parent is None and not self._continued else span.start
        place = span.name, start
        span_id = span_id_of(self.trace_id, *place, self._seen[place])
        self._seen[place] += 1
        attributes = self._common | span.attributes
        self.made.append(
            span._replace(span_id=span_id, parent_id=parent or b"", attributes=attributes)
        )
        return span_id


class _Parents:
    """Finds the parent of a span: the turn that began last, if it has not ended."""

    def __init__(self, root: bytes, turns: list[TurnInterval], spans: list[bytes]) -> None:
        self._root = root
        self._turns = turns
        self._spans = spans
        self._starts = [turn.start for turn in turns]

    def at(self, instant: int) -> bytes:
        """Return the parent of a span at this instant (epoch ms)."""
        latest = bisect_right(self._starts, instant) - 1
        if latest >= 0 and instant <= self._turns[latest].end:
            return self._spans[latest]
        return self._root


def _span(name: str, start: int, end: int, attributes: SpanAttributes, error: str | None) -> Span:
    return Span(b"", b"", name, start, max(start, end), attributes, error)


def _root(record: SessionRecord, first: int, last: int) -> Span:
    attributes: SpanAttributes = {
        "gen_ai.operation.name": "invoke_agent",
        f"{PREFIX}platform": record.platform,
        f"{PREFIX}call_sid": record.call_sid,
        f"{PREFIX}turns": record.turns,
        f"{PREFIX}missing_events": record.completeness.missing,
        f"{PREFIX}revision": record.revision,
        f"{PREFIX}close_reason": record.close_reason,
    }
    if record.end_status is not None:
        attributes[f"{PREFIX}end_status"] = dimension_value(record.end_status)
    events = () if record.timeline is None else tuple(_events(record.timeline, first))
    span = _span("conversation", first, last, attributes, _failure(record))
    return span._replace(events=events)


def _failure(record: SessionRecord) -> str | None:
    """Return why a session failed; None if it didn't."""
    if record.errors:
        codes = sorted({dimension_value(str(one.code)) for one in record.errors if one.code})
        return " ".join(["error", *codes])
    if record.abandoned_waits:
        return "the caller gave up waiting"
    return "end status failure" if record.end_status == "failure" else None


def is_failure(record: SessionRecord) -> bool:
    """Whether a session had an error, failed, or ended while its caller waited in vain."""
    return _failure(record) is not None


def _events(timeline: Timeline, first: int) -> Iterator[SpanEvent]:
    for mark in timeline.marks:
        named: SpanAttributes = (
            {} if mark.detail is None else {f"{PREFIX}detail": dimension_value(mark.detail)}
        )
        yield SpanEvent(first + mark.at, mark.what, named)
    for gap in timeline.gaps:
        info: SpanAttributes = {
            f"{PREFIX}missing_events": gap.missing,
            f"{PREFIX}until_s": gap.before / 1000,
        }
        yield SpanEvent(first + gap.after, "gap", info)


_FAILED_TURNS: Final = {
    "abandoned": "the caller gave up waiting",
    "unanswered": "no reply answered the prompt",
}


def _turn(turn: TurnInterval) -> Span:
    row = turn.row
    attributes: SpanAttributes = {
        "turn.number": row.n,
        "turn.outcome": row.outcome,
        "turn.was_interrupted": row.outcome == "interrupted",
        f"{PREFIX}ambiguous": row.outcome == "ambiguous",
    }
    if row.response_ms is not None:
        attributes["turn.user_bot_latency_seconds"] = row.response_ms / 1000
    if row.caller_wait_ms is not None:
        attributes[f"{PREFIX}caller_wait"] = row.caller_wait_ms / 1000
    if row.tokens is not None:
        attributes[f"{PREFIX}tokens"] = row.tokens
    _add_known(attributes, f"{PREFIX}language", row.language)
    return _span("turn", turn.start, turn.end, attributes, _FAILED_TURNS.get(row.outcome))


def _parts(
    record: SessionRecord, timeline: Timeline, first: int, application: ApplicationOperation
) -> Iterator[tuple[int, Span]]:
    """Yield the parts of a call, each with the instant (epoch ms) that decides on its turn."""
    yield from _speech("user_speech", timeline.customer, first)
    yield from _utterances(record, timeline, first)
    context = _Contexts(record, timeline)
    for one in timeline.stt:
        in_force = context.at(one.at)
        info: SpanAttributes = {}
        _add_known(info, "gen_ai.provider.name", in_force.transcription_provider)
        _add_known(info, "gen_ai.request.model", in_force.speech_model)
        yield first + one.at, _derived("speech_to_text", one, first, info)
    for one in timeline.tts:
        in_force, info = context.at(one.at), {}
        _add_known(info, "gen_ai.provider.name", in_force.tts_provider)
        _add_known(info, "gen_ai.speech.voice", in_force.voice)
        yield first + one.at, _derived("text_to_speech", one, first, info)
    yield from _applications(timeline, first, application)


def _speech(
    name: str, said: Iterable[Speech | Utterance], first: int
) -> Iterator[tuple[int, Span]]:
    """Yield a side's utterances; one without a known begin or end has no duration."""
    for one in said:
        start, end = one.start, one.end
        at = start if start is not None else end
        if at is None:
            continue
        attributes: SpanAttributes = {}
        if start is None or end is None:
            attributes[f"{PREFIX}incomplete"] = True
        until = at if end is None else end
        yield first + at, _span(name, first + at, first + until, attributes, None)


def _utterances(
    record: SessionRecord, timeline: Timeline, first: int
) -> Iterator[tuple[int, Span]]:
    broken = sorted(mark.at for mark in timeline.marks if mark.what == "interrupt")
    tokens = {turn.audio: turn.row.tokens for turn in turns_of(record)}
    for at, span in _speech("agent_speech", timeline.agent, first):
        interrupted = bisect_right(broken, span.end - first) > bisect_right(broken, at - first)
        span.attributes[f"{PREFIX}interrupted"] = interrupted
        heard = tokens.get(at)
        if heard is not None:
            span.attributes[f"{PREFIX}tokens"] = heard
        yield at, span


def _derived(name: str, reported: ReportedLatency, first: int, attributes: SpanAttributes) -> Span:
    """Return the span of a latency that an event reports: the time before the event."""
    at = first + reported.at
    attributes |= {"gen_ai.operation.name": name, f"{PREFIX}derived": True}
    return _span(name, at - reported.latency_ms, at, attributes, None)


def _applications(
    timeline: Timeline, first: int, application: ApplicationOperation
) -> Iterator[tuple[int, Span]]:
    """Yield spans of the application: from each prompt to the first token of its reply."""
    finals = {reply.first_token: reply for reply in timeline.replies}
    for prompt in timeline.prompts:
        if (token := prompt.first_token) is None:
            continue
        attributes: SpanAttributes = {f"{PREFIX}ambiguous": not prompt.sure}
        if application == "chat":
            attributes["gen_ai.operation.name"] = "chat"
        span = _span("application", first + prompt.sent, first + token, attributes, None)
        reply = finals.get(token)
        events: tuple[SpanEvent, ...] = ()
        if reply is not None and reply.final_token is not None:
            info: SpanAttributes = {} if reply.tokens is None else {f"{PREFIX}tokens": reply.tokens}
            events = (SpanEvent(first + reply.final_token, "final_token", info),)
        yield first + prompt.sent, span._replace(is_client=True, events=events)


class _Contexts:
    """Finds the configuration in force: that of the session's record at its end, and where its
    changes aren't known.
    """

    def __init__(self, record: SessionRecord, timeline: Timeline) -> None:
        last = record.context
        fields = (getattr(last, name) for name in InForce.__struct_fields__[1:])
        self._last = InForce(0, *fields)
        self._changes = timeline.contexts
        self._since = [one.since for one in timeline.contexts]

    def at(self, at: int) -> InForce:
        """Return the configuration at ``at`` ms after the session's first event."""
        latest = bisect_right(self._since, at) - 1
        return self._changes[latest] if latest >= 0 else self._last


def _add_known(attributes: SpanAttributes, name: str, value: str) -> None:
    """Add a known value in the form of a dimension's value, which identifies nobody."""
    if value and value != UNKNOWN:
        attributes[name] = dimension_value(value)
