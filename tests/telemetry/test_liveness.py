"""Alive is what turns, or is known to wait."""

from __future__ import annotations

from threading import Thread

from worker.telemetry.liveness import START_WITHIN_S, TURN_WITHIN_S, Liveness


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_start_may_take_longer_than_a_turn() -> None:
    clock = Clock()
    liveness = Liveness(clock)
    clock.now = START_WITHIN_S
    assert liveness.alive()
    clock.now += 1
    assert not liveness.alive()


def test_a_loop_that_turns_is_alive_and_one_that_stands_still_is_not() -> None:
    clock = Clock()
    liveness = Liveness(clock)
    turn = liveness.on_turn(lambda: "asked")
    for _ in range(10):
        clock.now += TURN_WITHIN_S
        assert liveness.alive()
        assert turn() == "asked"
    clock.now += TURN_WITHIN_S + 1
    assert not liveness.alive()
    assert liveness.silent_s() == TURN_WITHIN_S + 1


def test_waiting_for_what_is_out_of_reach_is_a_sign_of_life() -> None:
    clock = Clock()
    liveness = Liveness(clock)
    liveness.on_turn(lambda: None)()

    def sleep(seconds: float) -> None:
        clock.now += seconds

    for _ in range(100):
        liveness.on_wait(sleep)(30.0)
        assert liveness.alive()


def test_a_wait_of_any_thread_is_a_sign_since_the_loop_may_need_what_that_one_holds() -> None:
    clock = Clock()
    liveness = Liveness(clock)
    liveness.on_turn(lambda: None)()
    clock.now += TURN_WITHIN_S + 1
    assert not liveness.alive()
    other = Thread(target=liveness.on_wait(lambda _: None), args=(1.0,))
    other.start()
    other.join()
    assert liveness.alive()
