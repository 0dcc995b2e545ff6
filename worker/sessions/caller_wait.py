"""The caller's wait: since when the caller waits for the agent, and whether that is proven.

A wait begins with a prompt, or with the end of the utterance that the prompt carries, and ends with
the agent's next audio. The span that proves a wait may begin earlier, with the last speech before
the prompt: a lost end of the customer's speech must not make a wait look short. A span with a hole
proves nothing, with one exception: a single missing number can't hide both the beginning and the
end of an utterance. Had anybody spoken unseen, one of the two would have been seen without the
other.
"""

from __future__ import annotations

from worker.sessions.event_log import LoggedEvent
from worker.sessions.sequence_numbers import Holes


class CallerWait:
    """``since``: the event since which the caller waits; None if the caller doesn't. ``speech_ms``:
    how long the customer has spoken during the wait, up to the last end of speech or the wait's
    end.
    """

    __slots__ = ("_last_speech", "_span", "_unpaired", "since", "speech_ms")

    def __init__(self) -> None:
        self.since: LoggedEvent | None = None
        self._span = 0
        """The sequence number at which the span begins that proves the wait."""
        self.speech_ms = 0
        self._unpaired = False
        """Whether a start or an end of speech since the span began lacks its partner. A span may
        begin with any end of the customer's speech until a prompt decides that.
        """
        self._last_speech: LoggedEvent | None = None

    def speech(self, now: LoggedEvent) -> None:
        """Note that a side starts or stops speaking."""
        self._last_speech = now

    def lost_partner(self) -> None:
        """Note that what ``speech`` was told of is an end without its start, or a start that shows
        that the end before it is lost.
        """
        self._unpaired = True

    def customer_ends(self, now: LoggedEvent, since: LoggedEvent | None) -> None:
        """Note that the customer, who spoke since the given event (None if it is lost), stops."""
        self._last_speech = now
        if self.since is None:
            self._unpaired = False
        elif since is None:
            self._unpaired = True
        else:
            self.speech_ms += now.timestamp - max(since.timestamp, self.since.timestamp)

    def begin(self, prompt: LoggedEvent, customer_end: LoggedEvent | None) -> None:
        """Begin a wait at the end of the customer's speech or, without one, at the prompt."""
        self.speech_ms = 0
        if customer_end is not None:
            self.since = customer_end
            self._span = customer_end.sequence_number
        else:
            self.since = prompt
            self._span = (self._last_speech or prompt).sequence_number
            self._unpaired = False

    def end(
        self, now: LoggedEvent, speaking_since: LoggedEvent | None, holes: Holes | None
    ) -> int | None:
        """End a wait because the agent starts to speak. Return how long (ms) the caller sat through
        silence; None if that is in doubt.

        ``speaking_since``: the event since which the customer speaks, if so. A wait must be in
        progress.
        """
        since, self.since = self.since, None
        self._last_speech = now
        if since is not None and speaking_since is not None:
            self.speech_ms += now.timestamp - max(speaking_since.timestamp, since.timestamp)
        if since is None or (holes is not None and not self._is_proven(now, speaking_since, holes)):
            return None
        return now.timestamp - since.timestamp - self.speech_ms

    def is_abandoned(self, last: LoggedEvent, holes: Holes | None) -> bool:
        """Whether it is certain that nobody answered up to the session's last event. A wait must be
        in progress.
        """
        return holes is None or not holes.between(self._span, last.sequence_number)

    def _is_proven(
        self, now: LoggedEvent, speaking_since: LoggedEvent | None, holes: Holes
    ) -> bool:
        missing = holes.between(self._span, now.sequence_number)
        if missing == 1:
            return speaking_since is None and not self._unpaired
        return not missing
