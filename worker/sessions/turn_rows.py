"""The turn rows of a call: a turn-by-turn view of where a caller waited.

A row is an agent utterance that answers the customer, the greeting, a prompt that stayed
unanswered, or the wait in which the caller gave up. It is doubtful where missing events may have
changed the outcome. Measurements that precede an utterance (the transcript's latency, the
application's, the synthesis's, the reply's tokens) belong to its row; tokens that arrive while it
is spoken are added to it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MAX_ROWS: Final = 200

RowOutcome = Literal[
    "answered", "ambiguous", "interrupted", "unanswered", "abandoned", "greeting", "doubtful"
]
TurnOutcome = Literal["answered", "ambiguous", "doubtful"]
"""The knowledge of an utterance that answers the customer, at its start."""

_Measured = tuple[int | None, int | None, int | None, int | None]
"""A row's ``application_ms``, ``stt_ms``, ``tts_ms`` and ``tokens``."""


class TurnRow(msgspec.Struct, gc=False):
    """One row. ``at``: the customer's end (a turn), the audio's start (the greeting), the prompt
    (unanswered) or the start of the wait (abandoned), in epoch ms. Durations in ms.
    """

    at: int
    outcome: RowOutcome
    language: str
    caller_wait_ms: int | None = None
    response_ms: int | None = None
    application_ms: int | None = None
    stt_ms: int | None = None
    tts_ms: int | None = None
    tokens: int | None = None
    reply_ms: int | None = None


class TurnRows:
    """Collects the rows of one session; the first ``MAX_ROWS`` are kept."""

    __slots__ = (
        *("_application_ms", "_measured", "_reply_ahead", "_tokens", "_waited_since"),
        *("current", "language", "omitted", "rows", "stt_ms", "tts_ms"),
    )

    def __init__(self) -> None:
        self.rows: list[TurnRow] = []
        self.omitted = 0
        self.language = ""
        # of the next utterance
        self.stt_ms: int | None = None
        self.tts_ms: int | None = None
        self._application_ms: int | None = None
        self._tokens: int | None = None
        self._reply_ahead = False
        self._measured: _Measured = None, None, None, None
        """The measurements that preceded the current utterance."""
        self.current: TurnRow | None = None
        """The current utterance's row, if it has one."""
        self._waited_since: int | None = None
        """When the wait at the session's end began (epoch ms)."""

    def reply_begins(self, latency: int | None) -> None:
        """Note that a reply begins, ``latency`` ms after its prompt if that is known."""
        self._reply_ahead = True
        if latency is not None:
            self._application_ms = latency

    def tokens(self, count: int) -> None:
        """Add a reply's tokens to the current utterance, or to the next one if a newer reply has
        begun.
        """
        if self._reply_ahead:
            self._tokens = (self._tokens or 0) + count
        elif self.current is not None:
            self.current.tokens = (self.current.tokens or 0) + count

    def utterance(self) -> None:
        """Note that the agent begins to speak; the measurements since it last did belong to
        this.
        """
        self._measured = self._application_ms, self.stt_ms, self.tts_ms, self._tokens
        self._application_ms = self.stt_ms = self.tts_ms = self._tokens = None
        self._reply_ahead = False
        self.current = None

    def turn(self, at: int, outcome: TurnOutcome, wait: int | None, response: int | None) -> None:
        """Add an utterance that answers the customer, with its wait and response time (ms) if
        known.
        """
        self._open(at, outcome, wait, response)

    def greeting(self, at: int) -> None:
        """Add the first utterance of the agent, before any reply."""
        if self.current is None:
            self._open(at, "greeting", None, None)

    def reply(self, duration: int | None) -> None:
        """End the current utterance, after ``duration`` ms if that is certain."""
        if self.current is not None:
            self.current.reply_ms = duration
            self.current = None

    def interrupted(self) -> None:
        """Mark the current utterance as interrupted."""
        if self.current is not None and self.current.outcome != "greeting":
            self.current.outcome = "interrupted"

    def unanswered(self, prompt: int, *, doubtful: bool) -> None:
        """Add a prompt that no reply answered, as far as is known."""
        if self._waited_since is None or prompt < self._waited_since:
            self._keep(TurnRow(prompt, "doubtful" if doubtful else "unanswered", self.language))

    def waited(self, since: int, *, abandoned: bool) -> None:
        """Add a wait that lasted until the session's end; ``abandoned`` if that is certain. Prompts
        since its start get no rows of their own.
        """
        self._waited_since = since
        self._keep(TurnRow(since, "abandoned" if abandoned else "doubtful", self.language))

    def _open(self, at: int, outcome: RowOutcome, wait: int | None, response: int | None) -> None:
        application, stt, tts, tokens = self._measured
        self.current = TurnRow(
            at, outcome, self.language, wait, response, application, stt, tts, tokens
        )
        self._keep(self.current)

    def _keep(self, row: TurnRow) -> None:
        if len(self.rows) < MAX_ROWS:
            self.rows.append(row)
        else:
            self.omitted += 1
