"""The turn rules where events have links, word by word; the others hold besides."""

from __future__ import annotations

from itertools import pairwise

from tests.oracle.decoding import Event
from tests.oracle.samples import Wait
from tests.oracle.silence import SIDES
from tests.oracle.turns import RULES, Walk, valid_latency


class LinkedWalk(Walk):
    """A walk through the events of one session in order, of which all have links."""

    def __init__(self, events: list[Event], contiguous: bool) -> None:
        super().__init__({event.sequence_number for event in events} if contiguous else None)
        self.named = predecessors(events)
        self.tells_tokens = any(event.name in TOKENS for event in events)
        self.figures: dict[int, Event] = {}
        for event in events:
            turn = turn_of(event)
            if event.name == "turn_latency" and turn is not None and figures_of(event):
                self.figures.setdefault(turn, event)
        self.linked_owed: dict[int, Event] = {}
        self.C_before_prompt: dict[int, Event | None] = {}
        self.prompted: list[int | None] = []
        self.held = self.handed = False

    @property
    def away(self) -> bool:
        return self.held or self.handed

    @property
    def turn(self) -> int | None:
        return turn_of(self.event)

    def take(self, event: Event) -> None:
        self.event = event
        rule = LINKED_RULES.get(event.name)
        if rule is not None:
            rule(self, event.timestamp)
        else:
            super().take(event)

    def missing_since(self, earlier: Event) -> int:
        """Of a predecessor that lacks: one if it follows the number below it, else two or more."""
        if self.numbers is None:
            return 0
        return missing_between(self.named, earlier.sequence_number, self.event.sequence_number)

    def figure(self, turn: int | None, name: str) -> int | None:
        if turn is None or turn not in self.figures:
            return None
        return figures_of(self.figures[turn]).get(name)

    def end_of_customer_speech(self, t: int) -> None:
        super().end_of_customer_speech(t)
        if self.away:
            self.C = None

    def prompt_sent(self, t: int) -> None:
        if self.away:
            self.tally("prompts", "Prompts")
            return
        self.prompted.append(self.turn)
        waited, turn = self.W, self.turn
        if turn is None:
            super().prompt_sent(t)
        else:
            self.tally("prompts", "Prompts")
            if turn in self.linked_owed:
                self.never_answered([self.linked_owed[turn]])
            self.linked_owed[turn] = self.event
            self.C_before_prompt[turn] = self.C
            if self.W is None and self.agent_since is None:
                last = self.speech_events[-1] if self.speech_events else self.event
                self.W = Wait(t, last) if self.C is None else Wait(self.C.timestamp, self.C)
            self.agent_ended_since_last_prompt = False
        if waited is None and self.C is None and guessed(self.event):
            self.W = None

    def first_token_received(self, t: int) -> None:
        turn = self.turn
        if turn is None:
            super().first_token_received(t)
            return
        prompt = self.linked_owed.pop(turn, None)
        if prompt is None:
            self.tally("unattributed_replies")
        elif self.figure(turn, "application") is None:
            if self.hole_since(prompt):
                self.tally("doubtful_prompts", "DoubtfulPrompts")
            else:
                self.sample("ApplicationLatency", t - prompt.timestamp)
        unheard = list(self.unheard)
        owed, self.owed = self.owed, []
        unattributed = self.count["unattributed_replies"]
        super().first_token_received(t)  # what it says of the reply in progress
        self.count["unattributed_replies"] = unattributed
        self.owed, self.unheard = owed, unheard

    def turn_latency(self, t: int) -> None:
        payload = self.event.payload or {}
        for name in ("eou_ms", "application_ms", "response_ms"):
            if name in payload and not valid_latency(payload[name]):
                self.tally("invalid_latencies", "InvalidLatencies")
        if valid_latency(payload.get("eou_ms")):
            self.sample("EndOfTurnDelay", payload["eou_ms"])
        turn = self.turn
        if turn is None or self.figures.get(turn) != self.event:
            return
        application, response = self.figure(turn, "application"), self.figure(turn, "response")
        if application is not None:
            self.sample("ApplicationLatency", application)
            self.linked_owed.pop(turn, None)
        if response is not None:
            self.tally("turns", "Turns")
            self.sample("ResponseLatency", response)

    def turn_ends_at_all(self, t: int) -> None:
        turn = self.turn
        if turn is None:
            super().turn_ends_at_all(t)
            if not self.tells_tokens:
                self.heard(self.owed)
                self.owed, self.doubt = [], False
            return
        c = self.C_before_prompt.pop(turn, None)
        if turn in self.linked_owed:
            self.heard([self.linked_owed.pop(turn)])
        if self.figure(turn, "response") is not None:
            self.remembered_C = c
        elif c is not None:
            self.tally("turns", "Turns")
            if self.hole_since(c):
                self.tally("doubtful_turns", "DoubtfulTurns")
            else:
                self.sample("ResponseLatency", t - c.timestamp)
                self.remembered_C = c

    def heard(self, prompts: list[Event]) -> None:
        for prompt in prompts:
            if self.hole_since(prompt):
                self.tally("doubtful_prompts", "DoubtfulPrompts")

    def greets(self, t: int) -> None:
        answers = self.turn in self.prompted or (self.prompted and not self.tells_tokens)
        first = self.first_configurations
        if answers or (first is not None and (guessed(first) or guessed(self.event))):
            return
        super().greets(t)

    def interrupt(self, t: int) -> None:
        turn = self.turn
        if turn is None:
            super().interrupt(t)
        else:
            kind = self.field("type") or "UNKNOWN"
            self.interruptions[kind] += 1
            self.sample("Interruptions", 1, ("Type", kind))
            if turn in self.linked_owed:
                self.never_answered([self.linked_owed.pop(turn)])
        self.interrupted_at = None

    def nobody_waits(self) -> None:
        self.W = self.C = None
        self.owed, self.unheard = [], []
        self.linked_owed.clear()
        self.C_before_prompt.clear()
        self.doubt = self.muddled = False

    def call_held(self, _: int) -> None:
        self.nobody_waits()
        self.held = True

    def call_unheld(self, _: int) -> None:
        self.held = False

    def handoff(self, _: int) -> None:
        step = self.field("step")
        if step == "begins":
            self.tally("handoffs", "Handoffs")
            self.nobody_waits()
            self.handed = True
        elif step == "ends":
            self.handed = False

    def tool_call(self, _: int) -> None:
        self.count["tool_calls"] += 1
        self.sample("ToolCalls", 1, ("Tool", self.field("name") or "unknown"))

    def mark(self, _: int) -> None:
        """Nothing but a mark."""

    def close(self) -> None:
        super().close()
        self.never_answered(list(self.linked_owed.values()))


TOKENS = ("first_token_received", "final_token_received")
LINKED_RULES = {
    **{name: getattr(LinkedWalk, name) for name in RULES},
    **{
        name: getattr(LinkedWalk, name)
        for name in ("turn_latency", "call_held", "call_unheld", "handoff", "tool_call")
    },
    "call_muted": LinkedWalk.mark,
    "call_unmuted": LinkedWalk.mark,
    "vendor_switched": LinkedWalk.mark,
}


def turn_of(event: Event) -> int | None:
    return None if event.link is None else event.link.turn


def guessed(event: Event) -> bool:
    return event.link is not None and event.link.guessed


def figures_of(event: Event) -> dict[str, int]:
    payload = event.payload or {}
    return {
        name: payload[f"{name}_ms"]
        for name in ("application", "response")
        if valid_latency(payload.get(f"{name}_ms"))
    }


def predecessors(events: list[Event]) -> dict[int, int | None]:
    """By number; of two events under one, that the greater one counts is the program's choice."""
    named: dict[int, int | None] = {}
    for event in events:
        assert event.link is not None
        number, previous = event.sequence_number, event.link.previous
        known = [one for one in (named.get(number), previous) if one is not None]
        named[number] = max(known, default=None)
    return named


def lacking(named: dict[int, int | None]) -> list[int]:
    return [one for one in named if one != min(named) and named[one] not in named]


def missing_between(named: dict[int, int | None], one: int, other: int) -> int:
    low, high = min(one, other), max(one, other)
    missing = 0
    for number in lacking(named):
        if low < number <= high:
            below = max(known for known in named if known < number)
            missing += 1 if named[number] == below + 1 else 2
    return missing


def longest_linked_silence(events: list[Event], contiguous: bool) -> int:
    """In ms: as without links, but for holds and hand-offs."""
    named, speaking, longest = predecessors(events), set[str](), 0
    held = handed = False
    since: Event | None = events[0]
    for event in events:
        starts, _, side = event.name.partition("_of_")
        step = (event.payload or {}).get("step") if event.name == "handoff" else None
        held = {"call_held": True, "call_unheld": False}.get(event.name, held)
        handed = {"begins": True, "ends": False}.get(step or "", handed)
        if starts == "start" and side in SIDES:
            speaking.add(side)
        elif starts == "end":
            speaking.discard(side)
        silent = not speaking and not held and not handed
        if since is not None and not silent:
            longest = max(longest, proven(named, since, event, contiguous))
            since = None
        elif since is None and silent:
            since = event
    if since is not None:
        longest = max(longest, proven(named, since, events[-1], contiguous))
    return longest


def proven(named: dict[int, int | None], one: Event, other: Event, contiguous: bool) -> int:
    hole = contiguous and missing_between(named, one.sequence_number, other.sequence_number)
    return 0 if hole else other.timestamp - one.timestamp


def time_away(events: list[Event]) -> tuple[int, int]:
    """Ms on hold without a human, and with one."""
    held = handed = False
    held_ms = handoff_ms = 0
    for before, event in pairwise(events):
        step = (before.payload or {}).get("step") if before.name == "handoff" else None
        held = {"call_held": True, "call_unheld": False}.get(before.name, held)
        handed = {"begins": True, "ends": False}.get(step or "", handed)
        passed = event.timestamp - before.timestamp
        handoff_ms += passed if handed else 0
        held_ms += passed if held and not handed else 0
    return held_ms, handoff_ms
