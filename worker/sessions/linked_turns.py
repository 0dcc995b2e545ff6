"""The turn rules where a platform says what belongs together. Pure.

Events carry the turn that they belong to: a reply belongs to the prompt of its turn whatever else
is owed, its audio answers the end of the customer's speech that was last before that prompt, and
figures that the platform gives of the turn itself go before those that the rules would work out.
Doubt is a matter of events that carry no turn, for which the rules of ``turn_rules`` hold.

On hold, and while a human has the session, nobody waits for the agent. An interruption is stamped
with the end of the audio that it broke off, so how long the agent took to stop can't be told.
"""

from __future__ import annotations

from worker.events.payload import HandedOff
from worker.sessions.absence import Absence, PausedSilence
from worker.sessions.event_log import LinkedEvent, LoggedEvent, identity
from worker.sessions.links import NO_LINKS
from worker.sessions.turn_rows import TurnRows
from worker.sessions.turn_rules import TurnWalk


class LinkedTurnWalk(TurnWalk):
    """The rules' state. ``links``: those of all of the session's events; set them before the walk
    goes on.
    """

    __slots__ = ("_answerable", "_linked", "_prompted", "absence", "links", "silence")

    def __init__(self, rows: TurnRows, base: int) -> None:
        """``base``: the session's, which its rows' times are told by (epoch ms)."""
        super().__init__(rows, base)
        self.silence: PausedSilence = PausedSilence()
        self.links = NO_LINKS
        self.absence = Absence()
        self._linked: dict[int, LoggedEvent] = {}
        """By turn: the prompt whose reply has not begun."""
        self._answerable: dict[int, LoggedEvent | None] = {}
        """By turn: the end of the customer's speech before its prompt, until audio answers it."""
        self._prompted: set[int | None] = set()
        """The turns of which a prompt was sent; None for prompts that carry none."""

    def end_of_customer_speech(self, now: LoggedEvent) -> None:
        """The customer falls silent."""
        super().end_of_customer_speech(now)
        if self.absence.away:
            self.customer_end = None

    def prompt_sent(self, now: LoggedEvent) -> None:
        """What the customer said goes to the application."""
        if self.absence.away:
            return
        turn = _turn(now)
        self._prompted.add(turn)
        waited = self.wait.since
        if turn is None:
            super().prompt_sent(now)
        else:
            if (before := self._linked.get(turn)) is not None:
                self._unanswered(before, now)
            self._linked[turn] = now
            self._answerable[turn] = self.customer_end
            if waited is None and self.agent_since is None:
                self.wait.begin(now, self.customer_end)
            self._ended_since_prompt = False
        if waited is None and self.wait.since is now and _guessed(now):
            self.wait.since = None

    def first_token_received(self, now: LoggedEvent) -> None:
        """A reply begins."""
        turn = _turn(now)
        if turn is None:
            super().first_token_received(now)
            return
        prompt = self._linked.pop(turn, None)
        direct = self.links.direct.get(turn)
        latency = None if direct is None else direct.application
        if prompt is None:
            self.unattributed_replies += 1
        else:
            doubtful = self._has_hole(prompt, now)
            if latency is None and doubtful:
                self.part["DoubtfulPrompts"].append(1)
            elif latency is None:
                latency = now.timestamp - prompt.timestamp
                self.part["ApplicationLatency"].append(latency)
            self.pairs.prompted(prompt, now, sure=not doubtful)
        self.pairs.reply_begins(now)
        self._rows.reply_begins(latency)
        self._replies_begun += 1
        self.streams.begin(now, self.holes)

    def turn_latency(self, now: LoggedEvent) -> None:
        """The platform's own figures of a turn."""
        turn = _turn(now)
        direct = None if turn is None else self.links.direct.get(turn)
        if turn is None or direct is None or identity(direct.row) != identity(now):
            return
        if direct.application is not None:
            self.part["ApplicationLatency"].append(direct.application)
            if (prompt := self._linked.pop(turn, None)) is not None:
                self.pairs.prompted(prompt, None, sure=True)
        if direct.response is not None:
            self.part["Turns"].append(1)
            self.part["ResponseLatency"].append(direct.response)

    def interrupt(self, now: LoggedEvent) -> None:
        """One party broke in."""
        turn = _turn(now)
        if turn is None:
            super().interrupt(now)
            self._interrupt = None
            return
        if self.agent_since is not None:
            self._rows.interrupted()
        if (prompt := self._linked.pop(turn, None)) is not None:
            self._unanswered(prompt, now)

    def call_held(self, now: LoggedEvent) -> None:
        """The session is on hold."""
        self._leave(now)
        self.absence.hold(now, resident=True)

    def call_unheld(self, now: LoggedEvent) -> None:
        """The session is no longer on hold."""
        self.absence.hold(now, resident=False)
        self._come_back(now)

    def handoff(self, now: LoggedEvent) -> None:
        """A human takes the session over, or gives it back."""
        step = now.payload.step if isinstance(now.payload, HandedOff) else None
        if step == "begins":
            self._leave(now)
            self.absence.hand(now, handed=True)
        elif step == "ends":
            self.absence.hand(now, handed=False)
            self._come_back(now)

    def close(self, last: LoggedEvent) -> None:
        """The session is over; ``last`` is its last event."""
        self.absence.pass_to(last)
        super().close(last)
        for prompt in self._linked.values():
            self._unanswered(prompt, last)
        self._linked.clear()

    def _leave(self, now: LoggedEvent) -> None:
        """Nobody waits any more, and nothing is owed."""
        self.wait.since = self.customer_end = None
        self.owed.clear()
        self._linked.clear()
        self._answerable.clear()
        self.unheard.clear()
        self.doubt = self.muddled = False
        self.silence.pause(now, self.holes)

    def _come_back(self, now: LoggedEvent) -> None:
        if not self.absence.away:
            silent = self.agent_since is None and self.customer_since is None
            self.silence.go_on(now, silent=silent)

    def _answer(self, now: LoggedEvent, wait: int | None) -> None:
        """Does this utterance answer the customer?"""
        turn = _turn(now)
        if turn is None:
            super()._answer(now, wait)
            if not self.links.tokens:
                self._heard(now)
            return
        customer_end = self._answerable.pop(turn, None)
        if (prompt := self._linked.pop(turn, None)) is not None:
            self._note_heard(prompt, now)
        direct = self.links.direct.get(turn)
        if direct is not None and direct.response is not None:
            self._answers = customer_end
            at = direct.row if customer_end is None else customer_end
            self._rows.turn(self._base + at.timestamp, "answered", wait, direct.response)
        elif customer_end is not None:
            self._linked_turn(now, customer_end, wait)

    def _linked_turn(self, now: LoggedEvent, customer_end: LoggedEvent, wait: int | None) -> None:
        """An utterance that answers the customer, whose time has to be worked out."""
        self.part["Turns"].append(1)
        at = self._base + customer_end.timestamp
        if self._has_hole(customer_end, now):
            self.part["DoubtfulTurns"].append(1)
            self._rows.turn(at, "doubtful", wait, None)
            return
        response = now.timestamp - customer_end.timestamp
        self.part["ResponseLatency"].append(response)
        self._answers = customer_end
        self._rows.turn(at, "answered", wait, response)

    def _heard(self, now: LoggedEvent) -> None:
        """Without token events: the prompts so far are answered by this utterance."""
        while self.owed:
            self._note_heard(self.owed.popleft(), now)
        self.doubt = False

    def _note_heard(self, prompt: LoggedEvent, now: LoggedEvent) -> None:
        doubtful = self._has_hole(prompt, now)
        self.pairs.prompted(prompt, None, sure=False)
        if doubtful:
            self.part["DoubtfulPrompts"].append(1)

    def _greeting(self, now: LoggedEvent) -> None:
        turn = _turn(now)
        if self._prompted and (not self.links.tokens or turn in self._prompted):
            return
        configured = self._configured
        if configured is not None and (_guessed(configured) or _guessed(now)):
            if not self._replies_begun:
                self._rows.greeting(self._base + now.timestamp)
            return
        super()._greeting(now)


def _turn(row: LoggedEvent) -> int | None:
    return row.turn if isinstance(row, LinkedEvent) else None


def _guessed(row: LoggedEvent) -> bool:
    return isinstance(row, LinkedEvent) and row.guessed
