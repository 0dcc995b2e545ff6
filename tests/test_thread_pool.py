"""A pool runs many jobs in few threads, each step when it is due."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, current_thread
from typing import Final

from worker.thread_pool import Job, Pause, ThreadPool

LONG_S: Final = 60.0
NEVER: Final = Pause(3_600.0)


def steps(*pauses: Pause, then: Callable[[], object] = lambda: None) -> Callable[[], Pause | None]:
    """A job's steps, with these pauses between them; the last one calls ``then``."""
    left = iter(pauses)

    def step() -> Pause | None:
        pause = next(left, None)
        if pause is None:
            then()
        return pause

    return step


def test_more_jobs_than_threads_all_make_all_their_steps() -> None:
    pool = ThreadPool("pool", 2)
    done: list[int] = []
    jobs = [
        pool.start(steps(Pause(0.0), Pause(0.001), then=lambda: done.append(1))) for _ in "abcdefg"
    ]
    for job in jobs:
        job.join(LONG_S)
    assert len(done) == 7


def test_no_more_threads_than_it_may_have_step_at_once() -> None:
    pool = ThreadPool("pool", 2)
    both = Barrier(2)
    names: set[str] = set()

    def step() -> None:
        names.add(current_thread().name)
        both.wait(LONG_S)

    jobs = [pool.start(step) for _ in "abcd"]
    for job in jobs:
        job.join(LONG_S)
    assert all(job.error is None and job.ended for job in jobs)
    assert names == {"pool"}


def test_a_job_that_rests_keeps_no_other_from_stepping() -> None:
    pool = ThreadPool("pool", 1)
    resting = pool.start(steps(NEVER))
    other = pool.start(steps(Pause(0.0)))
    other.join(LONG_S)
    assert other.ended
    assert not resting.ended
    end(resting)


def test_waking_ends_the_rests_that_are_until_then() -> None:
    pool = ThreadPool("pool", 1)
    stepped = Event()
    pauses = iter([NEVER._replace(until_woken=True)])

    def step() -> Pause | None:
        stepped.set()
        return next(pauses, None)

    job = pool.start(step)
    assert stepped.wait(LONG_S)
    job.wake()
    job.join(LONG_S)
    assert job.ended


def test_waking_ends_no_other_rest() -> None:
    pool = ThreadPool("pool", 1)
    job = pool.start(steps(NEVER))
    job.wake()
    other = pool.start(steps(Pause(0.0)))
    other.join(LONG_S)
    assert not job.ended
    end(job)


def test_a_job_that_is_woken_while_it_steps_does_not_rest() -> None:
    pool = ThreadPool("pool", 1)
    stepping, woken = Event(), Event()
    pauses = iter([NEVER._replace(until_woken=True)])

    def step() -> Pause | None:
        stepping.set()
        woken.wait(LONG_S)
        return next(pauses, None)

    job = pool.start(step)
    assert stepping.wait(LONG_S)
    job.wake()
    woken.set()
    job.join(LONG_S)
    assert job.ended


def test_an_error_ends_its_job_and_no_other() -> None:
    def fail() -> None:
        raise ValueError

    pool = ThreadPool("pool", 1)
    failing, going_on = pool.start(fail), pool.start(steps(Pause(0.0)))
    for job in (failing, going_on):
        job.join(LONG_S)
    assert isinstance(failing.error, ValueError)
    assert going_on.error is None
    assert going_on.ended


def test_a_pool_without_jobs_takes_jobs_again() -> None:
    pool = ThreadPool("pool", 3)
    for _ in "ab":
        job = pool.start(steps(Pause(0.0)))
        job.join(LONG_S)
        assert job.ended


def end(job: Job) -> None:
    """Hurry a job to its end."""
    while not job.ended:
        job.hurry()
        job.join(0.01)
