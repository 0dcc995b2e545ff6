"""The turn rules: which audio answers which words, and how long a caller waited for it.

No event links a prompt to its reply, or a reply to its audio. The rules pair only what can't be
mistaken, and count the rest. They walk a session's events in order, one method per event. A sample
is stamped with the event that completes it: it goes to ``part``, which the caller sets to the
samples of the event's minute. Each turn goes to ``rows``.

A span with a hole in its sequence numbers proves nothing: it gives no sample, and a wait, a turn or
a prompt that spans one is counted as doubtful, apart from what is ambiguous.

State, as events unless said otherwise; their times are in ms since the session's base:

* ``customer_since``, ``agent_since``: who speaks, and since when;
* ``customer_end`` (C): the end of the customer's last utterance, not yet answered;
* ``wait`` (W): since when the caller waits for the agent;
* ``owed``: prompts whose reply has not begun;
* ``unheard``: replies begun since the agent last began to speak, each sure or not;
* ``doubt``, a flag: more than one prompt was owed at once, so replies can't be attributed;
* ``muddled``, a flag: the customer spoke again while a prompt was owed;
* ``streams``, with ``first_token`` (F): the start of the one reply in progress.
"""

from __future__ import annotations

from collections import defaultdict, deque

from worker.metrics.distribution import half_up
from worker.sessions.caller_wait import CallerWait
from worker.sessions.event_log import LoggedEvent
from worker.sessions.pairing import Pairing
from worker.sessions.samples import MinuteSamples
from worker.sessions.sequence_numbers import Holes
from worker.sessions.silence import Silence
from worker.sessions.token_streams import ReplyInProgress, TokenStreams
from worker.sessions.turn_rows import TurnRows


class TurnWalk:
    """The rules' state. Feed it the session's events in order, then ``close`` it.

    ``holes``: those in the numbers of all of the session's events, not only of those walked; None
    if there are none, or if they mean nothing. Set it before continuing the walk. ``pairs``
    receives what is paired.
    """

    __slots__ = (
        *("_answers", "_base", "_configured", "_ended_since_prompt", "_interrupt"),
        *("_replies_begun", "_rows", "_utterance", "_utterance_over_agent", "agent_ms"),
        *("agent_since", "agent_utterances", "customer_end", "customer_ms", "customer_since"),
        *("doubt", "holes", "lost_ends", "muddled", "owed", "pairs", "part", "silence"),
        *("streams", "unattributed_replies", "unheard", "wait"),
    )

    def __init__(self, rows: TurnRows, base: int) -> None:
        """``base``: the session's base (epoch ms), to which the rows' times are relative."""
        self.part: MinuteSamples = defaultdict(list)
        self.holes: Holes | None = None
        self.pairs = Pairing()
        self._base = base
        self._rows = rows
        self.customer_since: LoggedEvent | None = None
        self.agent_since: LoggedEvent | None = None
        self.customer_end: LoggedEvent | None = None
        self.wait = CallerWait()
        self.owed: deque[LoggedEvent] = deque()
        self.unheard: list[ReplyInProgress] = []
        self.doubt = False
        self.muddled = False
        self.streams = TokenStreams()
        self._replies_begun = 0
        self._configured: LoggedEvent | None = None
        self._ended_since_prompt = False
        self._utterance = 0
        """The time at which the customer's current or last utterance began."""
        self._utterance_over_agent = False
        self._answers: LoggedEvent | None = None
        self._interrupt: LoggedEvent | None = None
        # totals; the two before belong to the agent's current utterance
        self.agent_utterances = 0
        self.unattributed_replies = 0
        self.lost_ends = 0
        self.customer_ms = 0
        self.agent_ms = 0
        self.silence = Silence()

    def configured(self, now: LoggedEvent) -> None:
        """A ``configurations`` event came; the earliest one counts."""
        if self._configured is None:
            self._configured = now

    def start_of_customer_speech(self, now: LoggedEvent) -> None:
        """The customer begins to speak."""
        self.wait.speech(now)
        if self.customer_since is not None:
            self.wait.lost_partner()
            self.lost_ends += 1
            self.pairs.spoke(self.customer_since, None)
        if self.agent_since is not None:
            if not self._has_hole(self.agent_since, now):
                self.part["InterruptionsByCustomer"].append(1)
        elif self._ended_since_prompt:
            self._expire_prompts(now)
        if self.owed:
            self.muddled = True
        self.customer_end = None
        self.silence.end(now, self.holes)
        self.customer_since = now
        self._utterance = now.timestamp
        self._utterance_over_agent = self.agent_since is not None

    def end_of_customer_speech(self, now: LoggedEvent) -> None:
        """The customer falls silent."""
        self.wait.customer_ends(now, self.customer_since)
        self.pairs.spoke(self.customer_since, now)
        if self.customer_since is not None:
            self.customer_ms += now.timestamp - self.customer_since.timestamp
        else:
            # this utterance's start is unknown, and so is whether it was over the agent
            self._utterance_over_agent = False
        self.customer_since = self.customer_end = None
        if self.agent_since is None:
            self.customer_end = now
            self.silence.begin(now)

    def prompt_sent(self, now: LoggedEvent) -> None:
        """The customer's words go to the application."""
        self.owed.append(now)
        if len(self.owed) > 1:
            self.doubt = True
        if self.wait.since is None and self.agent_since is None:
            self.wait.begin(now, self.customer_end)
        self._ended_since_prompt = False

    def first_token_received(self, now: LoggedEvent) -> None:
        """A reply begins."""
        prompt = self.owed.popleft() if self.owed else None
        latency = None
        if prompt is None:
            self.unattributed_replies += 1
        elif self.doubt:
            self.part["AmbiguousReplies"].append(1)
        elif self._has_hole(prompt, now):
            self.part["DoubtfulPrompts"].append(1)
        else:
            latency = now.timestamp - prompt.timestamp
            self.part["ApplicationLatency"].append(latency)
        if prompt is not None:
            self.pairs.prompted(prompt, now, sure=latency is not None)
        self.pairs.reply_begins(now)
        self._rows.reply_begins(latency)
        self.unheard.append(ReplyInProgress(now.timestamp, sure=latency is not None))
        self._replies_begun += 1
        self.streams.begin(now, self.holes)

    def final_token_received(self, now: LoggedEvent, tokens: int | None) -> None:
        """A reply is complete, with that many tokens (None: not reported)."""
        duration = self.streams.end(now, self.holes)
        if duration is not None:
            self.part["TokenStreamDuration"].append(duration)
            if duration > 0 and tokens is not None:
                # tokens/s in thousandths, half up
                self.part["TokensPerSecond"].append(half_up(tokens * 1_000_000, duration))
            self.pairs.reply_ends(now, tokens)
        if tokens is not None:
            self._rows.tokens(tokens)

    def start_of_agent_speech(self, now: LoggedEvent) -> None:
        """The agent begins to play audio."""
        self._rows.utterance()
        self.agent_utterances += 1
        if self.agent_since is not None:
            self.lost_ends += 1
            self._answers = self._interrupt = None
        if self.customer_since is not None and not self._has_hole(self.customer_since, now):
            self.part["InterruptionsByAgent"].append(1)
        self._answer(now, self._end_wait(now))
        self.customer_end = None
        if self.agent_utterances == 1:
            self._greeting(now)
        self.pairs.agent_begins(now, self._rows.current)
        self.unheard.clear()
        self.muddled = False
        self.silence.end(now, self.holes)
        self.agent_since = now

    def end_of_agent_speech(self, now: LoggedEvent) -> None:
        """The agent falls silent."""
        since, self.agent_since = self.agent_since, None
        self.wait.speech(now)
        self.pairs.agent_ends(now, begun=since is not None)
        if since is not None:
            self._end_utterance(now, since)
        else:
            self.wait.lost_partner()
        self._answers = self._interrupt = None
        self._ended_since_prompt = True
        if self.customer_since is None:
            self.silence.begin(now)

    def interrupt(self, now: LoggedEvent) -> None:
        """One party interrupts; prompts owed from before the customer did so are void."""
        began = now.timestamp
        if self._utterance_over_agent:
            began = self._utterance
        if self.agent_since is not None and self._interrupt is None:
            self._interrupt = now
            self._rows.interrupted()
        while self.owed and self.owed[0].timestamp < began:  # in order of time, as they came
            self._unanswered(self.owed.popleft(), now)
        self.unheard.clear()
        self.muddled = False
        self.doubt = len(self.owed) > 1

    def close(self, last: LoggedEvent) -> None:
        """Close the session; ``last`` is its last event."""
        if self.customer_since is not None:
            self.pairs.spoke(self.customer_since, None)
        if self.wait.since is not None:
            abandoned = self.wait.is_abandoned(last, self.holes)
            self.pairs.waited(self.wait.since, None, self.wait.speech_ms, doubtful=not abandoned)
            self.part["AbandonedWaits" if abandoned else "DoubtfulWaits"].append(1)
            self._rows.waited(self._base + self.wait.since.timestamp, abandoned=abandoned)
        self._expire_prompts(last)

    def _has_hole(self, one: LoggedEvent, other: LoggedEvent) -> bool:
        holes = self.holes
        return holes is not None and holes.between(one.sequence_number, other.sequence_number) > 0

    def _answer(self, now: LoggedEvent, wait: int | None) -> None:
        """Decide whether this utterance answers the customer, and whether that is beyond doubt."""
        customer_end = self.customer_end
        if customer_end is None:
            return
        replies = self.unheard  # in order of time, as they came
        begun_since = bool(replies) and replies[-1].begun >= customer_end.timestamp
        clear = not (self.doubt or self.muddled)
        if clear and not (begun_since or self.owed):
            return
        self.part["Turns"].append(1)
        at = self._base + customer_end.timestamp
        if self._has_hole(customer_end, now):
            self.part["DoubtfulTurns"].append(1)
            self._rows.turn(at, "doubtful", wait, None)
        elif clear and begun_since and len(replies) == 1 and replies[0].sure:
            response = now.timestamp - customer_end.timestamp
            self.part["ResponseLatency"].append(response)
            self._answers = customer_end
            self._rows.turn(at, "answered", wait, response)
        else:
            self.part["AmbiguousTurns"].append(1)
            self._rows.turn(at, "ambiguous", wait, None)

    def _end_utterance(self, now: LoggedEvent, since: LoggedEvent) -> None:
        duration = now.timestamp - since.timestamp
        self.agent_ms += duration
        holes = self.holes
        if holes is None or holes.between(since.sequence_number, now.sequence_number) <= 1:
            # one missing number can't be both the end and the start of another utterance
            self.part["ReplyDuration"].append(duration)
            self._rows.reply(duration)
        else:
            self._rows.reply(None)
        if self._answers is not None and not self._has_hole(self._answers, now):
            self.part["TimeToReplyEnd"].append(now.timestamp - self._answers.timestamp)
        if self._interrupt is not None and not self._has_hole(self._interrupt, now):
            self.part["BargeInStopTime"].append(now.timestamp - self._interrupt.timestamp)

    def _greeting(self, now: LoggedEvent) -> None:
        if not self._replies_begun and self._configured is not None:
            if not self._has_hole(self._configured, now):
                duration = now.timestamp - self._configured.timestamp
                self.part["TimeToFirstAudio"].append(duration)
            self._rows.greeting(self._base + now.timestamp)

    def _end_wait(self, now: LoggedEvent) -> int | None:
        since = self.wait.since
        if since is None:
            self.wait.speech(now)
            return None
        wait = self.wait.end(now, self.customer_since, self.holes)
        self.pairs.waited(since, now, self.wait.speech_ms, doubtful=wait is None)
        if wait is None:
            self.part["DoubtfulWaits"].append(1)
        else:
            self.part["CallerWait"].append(wait)
        return wait

    def _expire_prompts(self, now: LoggedEvent) -> None:
        while self.owed:
            self._unanswered(self.owed.popleft(), now)
        self.unheard.clear()
        self.doubt = False
        self.muddled = False

    def _unanswered(self, prompt: LoggedEvent, now: LoggedEvent) -> None:
        doubtful = self._has_hole(prompt, now)
        self.pairs.prompted(prompt, None, sure=not doubtful)
        self.part["DoubtfulPrompts" if doubtful else "UnansweredPrompts"].append(1)
        self._rows.unanswered(self._base + prompt.timestamp, doubtful=doubtful)
