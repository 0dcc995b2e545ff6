"""What the turn rules tell of what they pair, for whoever draws a call. Pure."""

from __future__ import annotations

from worker.sessions.event_log import LoggedEvent
from worker.sessions.turn_rows import TurnRow


class Pairing:
    """What the turn rules tell of what they pair; this one is told in vain."""

    __slots__ = ()

    def spoke(self, since: LoggedEvent | None, until: LoggedEvent | None) -> None:
        """The customer spoke; None for an end that was never seen."""

    def prompted(self, sent: LoggedEvent, first_token: LoggedEvent | None, *, sure: bool) -> None:
        """A prompt's reply begins, or there will be none."""

    def reply_begins(self, first_token: LoggedEvent) -> None:
        """A reply begins."""

    def reply_ends(self, final_token: LoggedEvent, tokens: int | None) -> None:
        """The reply that began last, the only one in progress, is complete."""

    def agent_begins(self, now: LoggedEvent, row: TurnRow | None) -> None:
        """The agent begins to speak; ``row``: what that answers, which may change until it ends."""

    def agent_ends(self, now: LoggedEvent, *, begun: bool) -> None:
        """The agent falls silent. ``begun``: whether its begin was seen."""

    def waited(
        self, since: LoggedEvent, audio: LoggedEvent | None, speech_ms: int, *, doubtful: bool
    ) -> None:
        """The caller waited, ``speech_ms`` of that speaking, up to the agent's audio if it came."""
