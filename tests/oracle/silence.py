"""The longest stretch in which neither side speaks."""

from __future__ import annotations

from tests.oracle.decoding import Event


def longest_silence(events: list[Event], numbers: set[int] | None) -> int:
    """In ms, of a session's events in order. A stretch with a missing number inside is left out.

    ``numbers``: those that the session has; None where a missing one means nothing.
    """
    longest, silent_since = 0, events[0]
    speaking: set[str] = set()
    for event in events:
        starts, _, side = event.name.partition("_of_")
        if starts == "start" and side in SIDES:
            if not speaking:
                longest = max(longest, stretch(silent_since, event, numbers))
            speaking.add(side)
        elif starts == "end" and side in speaking:
            speaking.remove(side)
            if not speaking:
                silent_since = event
    if not speaking:
        longest = max(longest, stretch(silent_since, events[-1], numbers))
    return longest


SIDES = ("customer_speech", "agent_speech")


def stretch(first: Event, last: Event, numbers: set[int] | None) -> int:
    low, high = sorted((first.sequence_number, last.sequence_number))
    present = 0 if numbers is None else sum(low < number < high for number in numbers)
    whole = numbers is None or high - low - 1 <= present
    return last.timestamp - first.timestamp if whole else 0
