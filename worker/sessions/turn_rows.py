"""The rows of a call, turn by turn: what a person reads to see where a caller waited.

A row is an agent utterance that answers the customer, the greeting, a prompt that stayed
unanswered, or the wait in which the caller gave up. It is doubtful where events are missing that
may have said otherwise. Measurements that precede an utterance
(the transcript's latency, the application's, the synthesis's, the reply's tokens) stand in
its row; tokens that arrive while it is spoken are added to it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MAX_ROWS: Final = 200

RowOutcome = Literal[
    "answered", "ambiguous", "interrupted", "unanswered", "abandoned", "greeting", "doubtful"
]
TurnOutcome = Literal["answered", "ambiguous", "doubtful"]
"""What is known of an utterance that answers the customer when it begins."""

_Measured = tuple[int | None, int | None, int | None, int | None]
"""A row's ``application_ms``, ``stt_ms``, ``tts_ms`` and ``tokens``."""


class TurnRow(msgspec.Struct, gc=False):
    """One row. ``at``: the customer's end (a turn), the audio's start (the greeting), the
    prompt (unanswered) or the begin of the wait (abandoned), in epoch ms. Durations in ms.
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
        """What preceded the current utterance."""
        self.current: TurnRow | None = None
        """That of the current utterance, if it has one."""
        self._waited_since: int | None = None
        """When the wait at the session's end began."""

    def reply_begins(self, latency: int | None) -> None:
        """A reply begins, after that many ms where its prompt is known."""
        self._reply_ahead = True
        if latency is not None:
            self._application_ms = latency

    def tokens(self, count: int) -> None:
        """Tokens of a reply: of the current utterance's unless a newer reply has begun."""
        if self._reply_ahead:
            self._tokens = (self._tokens or 0) + count
        elif self.current is not None:
            self.current.tokens = (self.current.tokens or 0) + count

    def utterance(self) -> None:
        """The agent begins to speak; what was measured since it last did belongs to this."""
        self._measured = self._application_ms, self.stt_ms, self.tts_ms, self._tokens
        self._application_ms = self.stt_ms = self.tts_ms = self._tokens = None
        self._reply_ahead = False
        self.current = None

    def turn(self, at: int, outcome: TurnOutcome, wait: int | None, response: int | None) -> None:
        """An utterance that answers the customer, with what is known of the wait and its time."""
        self._open(at, outcome, wait, response)

    def greeting(self, at: int) -> None:
        """The first utterance of the agent, before any reply."""
        if self.current is None:
            self._open(at, "greeting", None, None)

    def reply(self, duration: int | None) -> None:
        """The current utterance has ended, after that many ms where that is sure."""
        if self.current is not None:
            self.current.reply_ms = duration
            self.current = None

    def interrupted(self) -> None:
        """The current utterance was broken into."""
        if self.current is not None and self.current.outcome != "greeting":
            self.current.outcome = "interrupted"

    def unanswered(self, prompt: int, *, doubtful: bool) -> None:
        """A prompt that no reply answered, as far as is known."""
        if self._waited_since is None or prompt < self._waited_since:
            self._keep(TurnRow(prompt, "doubtful" if doubtful else "unanswered", self.language))

    def waited(self, since: int, *, abandoned: bool) -> None:
        """The caller waited until the session's end, as far as is known, or ``abandoned`` it for
        sure; the prompts of that get no rows of their own.
        """
        self._waited_since = since
        self._keep(TurnRow(since, "abandoned" if abandoned else "doubtful", self.language))

    def _open(self, at: int, outcome: RowOutcome, wait: int | None, response: int | None) -> None:
        self.current = TurnRow(at, outcome, self.language, wait, response, *self._measured)
        self._keep(self.current)

    def _keep(self, row: TurnRow) -> None:
        if len(self.rows) < MAX_ROWS:
            self.rows.append(row)
        else:
            self.omitted += 1
