"""What one session can cost: bounded in memory, and work in proportion to its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.building import AGENT, AGENT_ENDS, CUSTOMER, FINAL, FIRST, INTERRUPT, KEY, PROMPT, event
from tests.counting import calls
from tests.scenes import BASE, play
from worker.events.event import Event
from worker.events.payload import Failed
from worker.sessions.event_walk import MAX_UNKNOWN_NAMES
from worker.sessions.resident_session import MAX_LOG_BYTES, ResidentSession
from worker.sessions.state import Session

MOST = 50_000


def in_turn(*names: str) -> Callable[[int], Iterator[Event]]:
    """Events that repeat these names, a ms apart."""
    return lambda n: (event(at, names[at % len(names)], None, at) for at in range(n))


def halves(first: str, second: str) -> Callable[[int], Iterator[Event]]:
    """All of one name, then all of the other."""
    return lambda n: (event(at, first if 2 * at < n else second, None, at) for at in range(n))


def over_the_agent(n: int) -> Iterator[Event]:
    """The caller breaks in before the prompts, so that no interrupt ever voids one."""
    yield event(0, AGENT, None, 0)
    yield event(1, CUSTOMER, None, 1)
    yield from (event(at, PROMPT if 2 * at < n else INTERRUPT, None, at) for at in range(2, n))


FLOODS: dict[str, Callable[[int], Iterator[Event]]] = {
    "prompts": in_turn(PROMPT),
    "prompts, then replies": halves(PROMPT, FIRST),
    "prompts, then interrupts": halves(PROMPT, INTERRUPT),
    "prompts over the agent, then interrupts": over_the_agent,
    "replies that are never heard": in_turn(FIRST, FINAL),
    "turns": in_turn(CUSTOMER, PROMPT, FIRST, AGENT, AGENT_ENDS),
    "unknown names": lambda n: (event(at, f"new-{at}", None, at) for at in range(n)),
    "errors": lambda n: (
        event(at, "error_event", {"error_code": at, "message": "x" * 200}, at) for at in range(n)
    ),
    "backwards": lambda n: (event(n - at, "dtmf", None, at) for at in range(n)),
    "one number": lambda n: (event(at, "dtmf", None, 7) for at in range(n)),
    "numbers of the same low bits": lambda n: (
        event(at, "dtmf", None, at << 20) for at in range(n)
    ),
    "conflicts": lambda n: (event(0, "dtmf", {"a": at}, 7) for at in range(n)),
    "repeats": lambda n: (event(at // 2, "dtmf", None, at // 2) for at in range(n)),
    "repeats of one event": lambda _n: (event(0, "dtmf", None, 1) for _ in range(_n)),
    "ever earlier repeats": lambda n: (event(0, "dtmf", None, 1, delay=n - at) for at in range(n)),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_work_grows_no_faster_than_the_events(flood: str) -> None:
    def work(n: int) -> int:
        resident = ResidentSession(Session(KEY, BASE))

        def run() -> None:
            for one in FLOODS[flood](n):
                resident.add(one, MOST)
            resident.analysis(contiguous=True)

        return calls(run)

    # sorting is the one thing that grows faster, and it makes no calls
    assert work(4000) <= 4.4 * work(1000)


def test_a_log_is_never_longer_than_its_bound() -> None:
    resident = ResidentSession(Session(KEY, BASE))
    payload = Failed(None, "x" * 200_000)
    found = [resident.add(event(at, "error_event", payload, at), MOST) for at in range(30)]
    assert len(resident.log) <= MAX_LOG_BYTES
    assert found.count("folded") == resident.state.count == 20
    assert resident.state.cut == 10


def test_a_record_says_when_names_or_languages_were_beyond_the_bounds() -> None:
    many: dict[str, Any] = {"languages": {f"l{n}": {} for n in range(60)}}
    scene = [(at, f"new-{at:02}") for at in range(MAX_UNKNOWN_NAMES + 3)]
    record = play((0, "configurations", many), *scene).record
    assert len(record["unknown_events"]) == MAX_UNKNOWN_NAMES + 1
    assert record["unknown_events"]["other"] == 3
    assert record["completeness"]["cut"] == 3 + 10


def test_an_earlier_repeat_is_a_duplicate_and_no_revision() -> None:
    resident = ResidentSession(Session(KEY, BASE))
    resident.add(event(0, "dtmf", delay=5000), MOST)
    assert resident.add(event(0, "dtmf", delay=9000), MOST) == "duplicate"
    assert resident.add(event(0, "dtmf", delay=3000), MOST) == "earlier"
    assert resident.add(event(0, "dtmf", delay=4000), MOST) == "duplicate"
    assert [row.delay for row in resident.analysis(contiguous=True).ordered.rows] == [3000]
    assert resident.analysis(contiguous=True).ordered.conflicts == 0


def test_a_full_session_forgets_how_early_its_repeats_were() -> None:
    resident = ResidentSession(Session(KEY, BASE))
    resident.add(event(0, "dtmf", delay=5000), 1)
    assert resident.add(event(0, "dtmf", delay=3000), 1) == "duplicate"
    assert (resident.state.count, resident.state.cut) == (1, 0)
