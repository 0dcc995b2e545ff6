"""How many sessions come from more than one shard."""

from __future__ import annotations

from worker.events.event import SessionKey
from worker.observe.spread import Spread


def key(n: int) -> SessionKey:
    return SessionKey("twilio", "AC", "CA", f"VX{n}")


def test_before_the_first_session_nothing_is_known() -> None:
    assert Spread().share is None


def test_a_session_seen_on_two_shards_is_spread_and_counts_once() -> None:
    spread = Spread()
    for shard in ("a", "b", "a", "c"):
        spread.seen(shard, [key(1)])
    spread.seen("a", [key(2), key(3), key(4)])
    spread.seen("a", [key(2)])
    assert spread.share == 0.25


def test_the_oldest_sessions_are_forgotten_with_what_was_known_of_them() -> None:
    spread = Spread(most=2)
    for shard in ("a", "b"):
        spread.seen(shard, [key(1)])
    spread.seen("a", [key(2), key(3)])
    assert spread.share == 0
