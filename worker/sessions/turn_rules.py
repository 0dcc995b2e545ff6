"""The turn rules: which audio answers which words, and how long a caller waited for it.

No event links a prompt to its reply, or a reply to its audio. The rules pair only what can't
be mistaken, and count the rest. They walk a session's events in order, one method an event.
A sample is stamped with the event that completes it: it goes to ``part``, which whoever feeds
the events sets to where samples of the event's time go. Each turn goes to ``rows``.

State (times in epoch milliseconds):

* ``customer_since``, ``agent_since``: who speaks, and since when;
* ``customer_end`` (C): the end of the customer's last utterance, not yet answered;
* ``wait_since`` (W): since when the caller waits for the agent;
* ``owed``: times of prompts whose reply has not begun;
* ``unheard``: replies begun since the agent last began to speak, each sure or not;
* ``doubt``: more than one prompt was owed at once, so replies can't be attributed;
* ``muddled``: the customer spoke again while a prompt was owed;
* ``first_token`` (F): the begin of the one reply in progress.
"""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec

from worker.metrics.distribution import half_up
from worker.sessions.samples import Part
from worker.sessions.turn_rows import TurnRows


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A reply that has begun but wasn't heard yet; ``sure`` if its prompt is beyond doubt."""

    begun: int
    sure: bool


class TurnWalk:
    """The rules' state. Feed it the session's events in order, then ``close`` it."""

    __slots__ = (
        *("_answers", "_configured_at", "_ended_since_prompt", "_in_progress"),
        *("_interrupted_at", "_replies_begun", "_rows", "_speech_in_wait", "_utterance_began"),
        *("_utterance_over_agent", "_void", "agent_ms", "agent_since", "agent_utterances"),
        *("customer_end", "customer_ms", "customer_since", "doubt", "first_token"),
        *("longest_silence", "lost_ends", "muddled", "owed", "part", "silent_since"),
        *("unattributed_replies", "unheard", "wait_since"),
    )

    def __init__(self, rows: TurnRows) -> None:
        self.part: Part = defaultdict(list)
        self._rows = rows
        self.customer_since: int | None = None
        self.agent_since: int | None = None
        self.customer_end: int | None = None
        self.wait_since: int | None = None
        self.owed: deque[int] = deque()
        self.unheard: list[Reply] = []
        self.doubt = False
        self.muddled = False
        self.first_token: int | None = None
        self._in_progress = 0
        self._void = False
        self._replies_begun = 0
        self._configured_at: int | None = None
        self._ended_since_prompt = False
        self._speech_in_wait = 0
        self._utterance_began = 0
        self._utterance_over_agent = False
        # what belongs to the agent's current utterance
        self._answers: int | None = None
        self._interrupted_at: int | None = None
        # totals
        self.agent_utterances = 0
        self.unattributed_replies = 0
        self.lost_ends = 0
        self.customer_ms = 0
        self.agent_ms = 0
        self.longest_silence = 0
        self.silent_since: int | None = None

    def configured(self, t: int) -> None:
        """A ``configurations`` event came; the earliest one counts."""
        if self._configured_at is None:
            self._configured_at = t

    def start_of_customer_speech(self, t: int) -> None:
        """The customer begins to speak."""
        if self.customer_since is not None:
            self.lost_ends += 1
        if self.agent_since is not None:
            self.part["InterruptionsByCustomer"].append(1)
        elif self._ended_since_prompt:
            self._settle()
        if self.owed:
            self.muddled = True
        self.customer_end = None
        self._break_silence(t)
        self.customer_since = t
        self._utterance_began = t
        self._utterance_over_agent = self.agent_since is not None

    def end_of_customer_speech(self, t: int) -> None:
        """The customer falls silent."""
        if self.customer_since is not None:
            self.customer_ms += t - self.customer_since
            if self.wait_since is not None:
                self._speech_in_wait += t - max(self.customer_since, self.wait_since)
        else:
            # nobody knows when this utterance began, so nobody knows that it was over the agent
            self._utterance_over_agent = False
        self.customer_since = self.customer_end = None
        if self.agent_since is None:
            self.customer_end = t
            if self.silent_since is None:
                self.silent_since = t

    def prompt_sent(self, t: int) -> None:
        """What the customer said goes to the application."""
        self.owed.append(t)
        if len(self.owed) > 1:
            self.doubt = True
        if self.wait_since is None and self.agent_since is None:
            self.wait_since = t if self.customer_end is None else self.customer_end
            self._speech_in_wait = 0
        self._ended_since_prompt = False

    def first_token_received(self, t: int) -> None:
        """A reply begins."""
        latency = None
        if not self.owed:
            self.unattributed_replies += 1
        elif self.doubt:
            self.part["AmbiguousReplies"].append(1)
            self.owed.popleft()
        else:
            latency = t - self.owed.popleft()
            self.part["ApplicationLatency"].append(latency)
        self._rows.reply_begins(latency)
        self.unheard.append(Reply(t, sure=latency is not None))
        self._replies_begun += 1
        if self._in_progress:
            self._void = True
        else:
            self.first_token = t
        self._in_progress += 1

    def final_token_received(self, t: int, tokens: int | None) -> None:
        """A reply is complete, with that many tokens (None: not told)."""
        if self._in_progress == 1 and not self._void and self.first_token is not None:
            duration = t - self.first_token
            self.part["TokenStreamDuration"].append(duration)
            if duration > 0 and tokens is not None:
                # tokens/s in thousandths, half up
                self.part["TokensPerSecond"].append(half_up(tokens * 1_000_000, duration))
        if self._in_progress:
            self._in_progress -= 1
        if not self._in_progress:
            self.first_token = None
            self._void = False
        if tokens is not None:
            self._rows.tokens(tokens)

    def start_of_agent_speech(self, t: int) -> None:
        """The agent begins to play audio."""
        self._rows.utterance()
        self.agent_utterances += 1
        if self.agent_since is not None:
            self.lost_ends += 1
            self._forget_utterance()
        if self.customer_since is not None:
            self.part["InterruptionsByAgent"].append(1)
        wait = self._end_wait(t)
        if self.customer_end is not None:
            self._turn(t, self.customer_end, wait)
        self.customer_end = None
        if self.agent_utterances == 1:
            self._greeting(t)
        self.unheard.clear()
        self.muddled = False
        self._break_silence(t)
        self.agent_since = t

    def end_of_agent_speech(self, t: int) -> None:
        """The agent falls silent."""
        if self.agent_since is not None:
            self.agent_ms += t - self.agent_since
            self.part["ReplyDuration"].append(t - self.agent_since)
            self._rows.reply(t - self.agent_since)
            if self._answers is not None:
                self.part["TimeToReplyEnd"].append(t - self._answers)
            if self._interrupted_at is not None:
                self.part["BargeInStopTime"].append(t - self._interrupted_at)
        self.agent_since = None
        self._forget_utterance()
        self._ended_since_prompt = True
        if self.customer_since is None and self.silent_since is None:
            self.silent_since = t

    def interrupt(self, t: int) -> None:
        """One party broke in; prompts owed from before the customer did so are void."""
        began = t
        if self._utterance_over_agent:
            began = self._utterance_began
        if self.agent_since is not None and self._interrupted_at is None:
            self._interrupted_at = t
            self._rows.interrupted()
        while self.owed and self.owed[0] < began:  # in order of time, as they came
            self._unanswered(self.owed.popleft())
        self.unheard.clear()
        self.muddled = False
        self.doubt = len(self.owed) > 1

    def close(self) -> None:
        """The session is over."""
        if self.wait_since is not None:
            self.part["AbandonedWaits"].append(1)
            self._rows.abandoned(self.wait_since)
        self._settle()

    def end_of_silence(self, t: int) -> int:
        """The longest silence in ms if the session's last event is at ``t``."""
        if self.silent_since is None:
            return self.longest_silence
        return max(self.longest_silence, t - self.silent_since)

    def _turn(self, t: int, customer_end: int, wait: int | None) -> None:
        """Does this utterance answer the customer, and is that beyond doubt?"""
        replies = self.unheard  # in order of time, as they came
        begun_since = bool(replies) and replies[-1].begun >= customer_end
        clear = not (self.doubt or self.muddled)
        if clear and begun_since and len(replies) == 1 and replies[0].sure:
            self.part["Turns"].append(1)
            self.part["ResponseLatency"].append(t - customer_end)
            self._answers = customer_end
            self._rows.turn(customer_end, wait, t - customer_end)
        elif begun_since or self.owed or not clear:
            self.part["Turns"].append(1)
            self.part["AmbiguousTurns"].append(1)
            self._rows.turn(customer_end, wait, None)

    def _greeting(self, t: int) -> None:
        if not self._replies_begun and self._configured_at is not None:
            self.part["TimeToFirstAudio"].append(t - self._configured_at)
            self._rows.greeting(t)

    def _end_wait(self, t: int) -> int | None:
        if self.wait_since is None:
            return None
        wait = t - self.wait_since - self._speech_in_wait
        if self.customer_since is not None:
            wait -= t - max(self.customer_since, self.wait_since)
        self.part["CallerWait"].append(wait)
        self.wait_since = None
        return wait

    def _settle(self) -> None:
        while self.owed:
            self._unanswered(self.owed.popleft())
        self.unheard.clear()
        self.doubt = False
        self.muddled = False

    def _unanswered(self, prompt: int) -> None:
        self.part["UnansweredPrompts"].append(1)
        self._rows.unanswered(prompt)

    def _forget_utterance(self) -> None:
        self._answers = None
        self._interrupted_at = None

    def _break_silence(self, t: int) -> None:
        if self.silent_since is not None:
            self.longest_silence = max(self.longest_silence, t - self.silent_since)
            self.silent_since = None
