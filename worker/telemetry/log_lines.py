"""The worker's log lines at warning or above, each by the text that stands in ``event``. Pure.

The runbook has a paragraph for each, and the log tells no other.
"""

from __future__ import annotations

from enum import StrEnum


class LogLine(StrEnum):
    """What something has to be done about, or may have to."""

    NOT_REACHED = "stream not reached yet"
    STREAM_CALL_FAILED = "stream call failed"
    STREAM_LOST = "the stream can't be read"
    PARSED_SLOWLY = "the stream's answers are parsed the slow way"
    RECORDS_LOST = "records may have been lost before they were read"
    CLOCKS_DIFFER = "the clocks differ"
    TIME_AHEAD = "stream time is ahead of this machine's clock"
    SPARSE = "sequence numbers don't follow one another; minutes are sent by time alone"
    STATE_CALL_FAILED = "state call failed"
    NOT_SENT = "not sent"
    MAY_COUNT_TWICE = "metrics may count more than once"
    GIVEN_UP = "metrics given up"
    STRANDED = "the outbox has entries for which there is no destination"
    PAGE_FAILED = "a view of the page failed"
    STOPPED = "stopped"
    CRASHED = "crashed"
