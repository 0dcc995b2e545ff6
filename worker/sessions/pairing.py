"""What the turn rules tell of what they pair, for whoever draws a call. Pure."""

from __future__ import annotations

from worker.sessions.event_log import Row
from worker.sessions.turn_rows import TurnRow


class Pairing:
    """What the turn rules tell of what they pair; this one is told in vain."""

    __slots__ = ()

    def spoke(self, since: Row | None, until: Row | None) -> None:
        """The customer spoke; None for an end that was never seen."""

    def prompted(self, sent: Row, first_token: Row | None, *, sure: bool) -> None:
        """A prompt's reply begins, or there will be none."""

    def reply_begins(self, first_token: Row) -> None:
        """A reply begins."""

    def reply_ends(self, final_token: Row, tokens: int | None) -> None:
        """The reply that began last, the only one in progress, is complete."""

    def agent_begins(self, now: Row, row: TurnRow | None) -> None:
        """The agent begins to speak; ``row``: what that answers, which may change until it ends."""

    def agent_ends(self, now: Row, *, begun: bool) -> None:
        """The agent falls silent. ``begun``: whether its begin was seen."""

    def waited(self, since: Row, audio: Row | None, speech_ms: int, *, doubtful: bool) -> None:
        """The caller waited, ``speech_ms`` of that speaking, up to the agent's audio if it came."""
