"""The session record, made from the analysis of a session's events."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec
from msgspec.structs import replace

from worker.events.decode import PLATFORMS
from worker.metrics.catalogue import CATALOGUE
from worker.metrics.distribution import Summary, half_up, summarise_all
from worker.sessions.absence import Absence
from worker.sessions.analysis import SessionAnalysis
from worker.sessions.linked_turns import LinkedTurnWalk
from worker.sessions.samples import MinuteSamples, split
from worker.sessions.schema import (
    RECORD_SCHEMA_VERSION,
    CompletenessPart,
    ContextPart,
    ErrorPart,
    InterruptionPart,
    LatencyPart,
    RowPart,
    SessionRecord,
    TalkPart,
    TokenPart,
    TypePart,
)
from worker.sessions.state import Session
from worker.sessions.turn_rows import TurnRow
from worker.sessions.turn_rules import TurnWalk
from worker.times.rfc3339 import format_ms

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SessionRecord)


def to_record(state: Session, analysis: SessionAnalysis, *, timeline: bool = True) -> SessionRecord:
    """Return the record of a closed session from the analysis of all its events, with its
    ``timeline`` if requested.
    """
    by_kind = _by_kind(analysis)

    def count(metric: str) -> int:
        return len(by_kind[metric])

    def summary(metric: str) -> Summary | None:
        return summarise_all(by_kind[metric], CATALOGUE[metric].scale)

    key, turns, direct = state.key, analysis.turns, analysis.direct
    absence = _absence(turns)
    account, agent = PLATFORMS.account_and_agent(key.platform, key.account_sid)
    return SessionRecord(
        schema_version=RECORD_SCHEMA_VERSION,
        platform=key.platform,
        account_sid=account,
        call_sid=key.call_sid,
        session_id=key.session_id,
        revision=state.revision,
        started_at=format_ms(analysis.first),
        ended_at=format_ms(analysis.last),
        duration_s=analysis.duration_s,
        end_status=None if direct.wrap_up is None else direct.wrap_up.status,
        close_reason="end_of_input" if state.closed is None else state.closed.reason,
        context=ContextPart(*analysis.context),
        configuration=direct.configuration,
        latency_ms=LatencyPart(
            stt=summary("SttLatency"),
            tts=summary("TtsLatency"),
            application=summary("ApplicationLatency"),
            response=summary("ResponseLatency"),
            caller_wait=summary("CallerWait"),
            time_to_reply_end=summary("TimeToReplyEnd"),
            reply_duration=summary("ReplyDuration"),
            token_stream=summary("TokenStreamDuration"),
            barge_in_stop=summary("BargeInStopTime"),
            time_to_first_audio=next(iter(by_kind["TimeToFirstAudio"]), None),
            end_of_turn=summary("EndOfTurnDelay"),
        ),
        turns=count("Turns"),
        ambiguous_turns=count("AmbiguousTurns"),
        prompts=count("Prompts"),
        unanswered_prompts=count("UnansweredPrompts"),
        ambiguous_replies=count("AmbiguousReplies"),
        unattributed_replies=turns.unattributed_replies,
        agent_utterances=turns.agent_utterances,
        abandoned_waits=count("AbandonedWaits"),
        interruptions=InterruptionPart(
            total=sum(direct.interruptions.values()),
            by_type=TypePart(**direct.interruptions),
            by_customer=count("InterruptionsByCustomer"),
            by_agent=count("InterruptionsByAgent"),
        ),
        preemptions=count("Preemptions"),
        dtmf=count("DtmfReceived"),
        digits=count("DigitsSent"),
        media=count("MediaRequested"),
        language_changes=count("LanguageChanges"),
        invalid_latencies=count("InvalidLatencies"),
        invalid_tokens=count("InvalidTokens"),
        tokens=TokenPart(
            total=direct.tokens,
            words=direct.words,
            replies=direct.replies,
            per_second=summary("TokensPerSecond"),
        ),
        talk=_talk(analysis, turns),
        errors=[
            ErrorPart(code=e.code, message=e.message, at=format_ms(e.at)) for e in direct.errors
        ],
        unknown_events=dict(sorted(direct.unknown.items())),
        turn_rows=[_row(n, row) for n, row in enumerate(analysis.rows, 1)],
        doubtful_waits=count("DoubtfulWaits"),
        doubtful_turns=count("DoubtfulTurns"),
        doubtful_prompts=count("DoubtfulPrompts"),
        turn_rows_omitted=analysis.rows_omitted,
        completeness=_completeness(state, analysis),
        continued=state.continued > 0,
        agent=agent,
        held_ms=None if absence is None else absence.held_ms,
        handoff_ms=None if absence is None else absence.handoff_ms,
        handoffs=None if absence is None else count("Handoffs"),
        tool_calls=None if absence is None else _tool_calls(by_kind),
        timeline=analysis.timeline if timeline else None,
    )


def encode_record(record: SessionRecord) -> bytes:
    """Return the record as one line of JSON, without a line end; equal records give equal bytes."""
    return _ENCODER.encode(record)


def decode_record(line: bytes) -> SessionRecord:
    """Return the record of a line. Raises ``msgspec.DecodeError`` for bytes that aren't one."""
    return _DECODER.decode(line)


def encode_within(line: bytes, most: int) -> bytes:
    """Return an encoded record in at most ``most`` bytes, if leaving out its timeline, and then its
    last turn rows, can achieve that.
    """
    if len(line) <= most:
        return line
    record = replace(decode_record(line), timeline=None)
    line = encode_record(record)
    rows = record.turn_rows
    while rows and len(line) > most:
        # rows are of similar size: leave out the excess, at least one row
        rows = rows[: min(len(rows) - 1, len(rows) * most // len(line))]
        omitted = record.turn_rows_omitted + len(record.turn_rows) - len(rows)
        line = encode_record(replace(record, turn_rows=rows, turn_rows_omitted=omitted))
    return line


def agent_share(turns: TurnWalk) -> int | None:
    """Return the agent's share of the talking in hundredths of a percent; None if nobody talked."""
    agent, both = turns.agent_ms, turns.agent_ms + turns.customer_ms
    return half_up(agent * 10_000, both) if both else None


def _by_kind(analysis: SessionAnalysis) -> MinuteSamples:
    """Return all samples by kind, in any order."""
    found: MinuteSamples = defaultdict(list)
    for samples in (analysis.direct.samples, analysis.conversation.samples):
        for part in samples.parts.values():
            for kind, values in part.items():
                found[kind].extend(values)
    return found


def _talk(analysis: SessionAnalysis, turns: TurnWalk) -> TalkPart:
    share = agent_share(turns)
    return TalkPart(
        customer_ms=turns.customer_ms,
        agent_ms=turns.agent_ms,
        agent_share=None if share is None else share / 100,
        longest_silence_ms=analysis.longest_silence,
    )


def _absence(turns: TurnWalk) -> Absence | None:
    """How long nobody waited; None where the platform doesn't tell."""
    if isinstance(turns, LinkedTurnWalk) and turns.links.telling:
        return turns.absence
    return None


def _tool_calls(by_kind: MinuteSamples) -> int:
    return sum(len(some) for kind, some in by_kind.items() if split(kind)[0] == "ToolCalls")


def _row(n: int, row: TurnRow) -> RowPart:
    return RowPart(
        n=n,
        at=format_ms(row.at),
        outcome=row.outcome,
        caller_wait_ms=row.caller_wait_ms,
        response_ms=row.response_ms,
        application_ms=row.application_ms,
        stt_ms=row.stt_ms,
        tts_ms=row.tts_ms,
        reply_ms=row.reply_ms,
        tokens=row.tokens,
        language=row.language,
    )


def _completeness(state: Session, analysis: SessionAnalysis) -> CompletenessPart:
    numbers, ordered = analysis.numbers, analysis.ordered
    return CompletenessPart(
        events=len(ordered.rows),
        conflicts=ordered.conflicts,
        order_conflicts=ordered.order_conflicts,
        lost_ends=analysis.turns.lost_ends,
        first_sequence=numbers.first,
        last_sequence=numbers.last,
        missing=numbers.missing,
        sparse=numbers.sparse,
        cut=state.cut + analysis.direct.cut,
    )
