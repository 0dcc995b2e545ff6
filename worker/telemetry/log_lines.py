"""The worker's log lines at warning level or above, by the text of their ``event`` field. Pure.

The worker logs no other warnings or errors, and the runbook has a paragraph for each of these.
"""

from __future__ import annotations

from enum import StrEnum


class LogLine(StrEnum):
    """A condition that needs action by an operator, or may need it."""

    NOT_REACHED = "stream not reached yet"
    STREAM_CALL_FAILED = "stream call failed"
    STREAM_LOST = "the stream can't be read"
    PARSED_SLOWLY = "stream answers are parsed on the slow path"
    RECORDS_LOST = "records may have been lost before they were read"
    CLOCKS_DIFFER = "the clocks differ"
    TIME_AHEAD = "stream time is ahead of this machine's clock"
    SPARSE = "sequence numbers are sparse; minutes are sent by time alone"
    STATE_CALL_FAILED = "state call failed"
    NOT_SENT = "not sent"
    MAY_COUNT_TWICE = "metrics may be counted more than once"
    GIVEN_UP = "metrics given up"
    STRANDED = "the outbox has entries without a destination"
    PAGE_FAILED = "a view of the page failed"
    PINECALL_NOT_READ = "Pinecall can't be read"
    LOG_NOT_READ = "a call's log can't be read just now"
    LOG_LOST = "entries of a call's log are lost"
    CALL_EXPIRED = "a call is too old for the stream"
    CALL_GIVEN_UP = "a call was given up"
    NOT_PUT = "the stream takes nothing"
    RECORD_REFUSED = "the stream refuses a record"
    NOT_ROUTED = "records not routed yet"
    STOPPED = "stopped"
    CRASHED = "crashed"
