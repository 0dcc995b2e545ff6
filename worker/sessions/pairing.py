"""The interface through which the turn rules report what they pair, for drawing a call. Pure."""

from __future__ import annotations

from worker.sessions.event_log import LoggedEvent
from worker.sessions.turn_rows import TurnRow


class Pairing:
    """Receives what the turn rules pair; this implementation ignores it."""

    __slots__ = ()

    def spoke(self, since: LoggedEvent | None, until: LoggedEvent | None) -> None:
        """The customer spoke; None for a start or an end that was never seen."""

    def prompted(self, sent: LoggedEvent, first_token: LoggedEvent | None, *, sure: bool) -> None:
        """A prompt's reply begins, or there will be none."""

    def reply_begins(self, first_token: LoggedEvent) -> None:
        """A reply begins."""

    def reply_ends(self, final_token: LoggedEvent, tokens: int | None) -> None:
        """The reply that began last, the only one in progress, is complete."""

    def transcribed(self, now: LoggedEvent, latency_ms: int) -> None:
        """A latency of speech to text is reported, which belongs to the next utterance's row."""

    def synthesized(self, now: LoggedEvent, latency_ms: int) -> None:
        """A latency of text to speech is reported, which belongs to the next utterance's row."""

    def agent_begins(self, now: LoggedEvent, row: TurnRow | None) -> None:
        """The agent begins to speak; ``row`` is the turn answered, which may change until the
        end.
        """

    def agent_ends(self, now: LoggedEvent, *, begun: bool) -> None:
        """The agent falls silent. ``begun``: whether the start was seen."""

    def waited(
        self, since: LoggedEvent, audio: LoggedEvent | None, speech_ms: int, *, doubtful: bool
    ) -> None:
        """The caller waited, speaking for ``speech_ms`` of it, up to the agent's audio if that
        came.
        """
