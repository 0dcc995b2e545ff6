"""Ready is who reads all of the stream; who isn't says which shard, for how long and why."""

from __future__ import annotations

import pytest

from tests.telemetry.progresses import NOW, progress
from worker.objectstore.api import StoreFailure as S3Failure
from worker.objectstore.api import StoreFailureKind as S3FailureKind
from worker.objectstore.retrying import CallFailed
from worker.service.shards import ShardProgress
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.sources.kinesis.reader_events import BackedOff, FoundAgain
from worker.telemetry.readiness import COMMIT_WITHIN_S, LASTING, READ_WITHIN_S, Readiness

DENIED = StreamFailure(
    StreamFailureKind.DENIED, "GetRecords: AccessDeniedException: not authorized"
)
SHARDS = ("a", "b", "c")


class Scene:
    """A worker of three shards. ``answered``: when each last did; None: not yet."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.readiness = Readiness(lambda: self.now)
        self.answered: dict[str, float | None] = dict.fromkeys(SHARDS, self.now)
        self.paused: set[str] = set()
        self.backpressure = 0.0

    def commit(self) -> None:
        shards = {
            name: ShardProgress(0, NOW, name in self.paused, at)
            for name, at in self.answered.items()
        }
        self.readiness.progress(progress(shards=shards, backpressure=self.backpressure))

    def passes(self, seconds: float, *silent: str, failing: bool = True) -> str | None:
        """Time goes on by the second, with answers of all shards but ``silent`` ones."""
        end = self.now + seconds
        while self.now < end:
            self.now += 1
            for name in SHARDS:
                if name not in silent:
                    self.answered[name] = self.now
                elif failing:
                    self.readiness.reader_event(BackedOff(name, DENIED, 3, 400))
            self.commit()
        return self.readiness.unready()


def test_before_the_first_commit_it_says_what_it_waits_for() -> None:
    readiness = Scene().readiness
    assert readiness.unready() == "starting: no commit yet"
    readiness.reader_event(
        BackedOff("", StreamFailure(StreamFailureKind.UNAVAILABLE, "no route"), 1, 400)
    )
    assert readiness.unready() == "starting: the stream can't be reached: unavailable: no route"


@pytest.mark.parametrize("silent", [("a",), ("a", "b"), SHARDS])
def test_shards_that_are_denied_for_a_minute_are_told_with_reason_and_number(
    silent: tuple[str, ...],
) -> None:
    scene = Scene()
    assert scene.passes(READ_WITHIN_S, *silent) is None
    told = scene.passes(2, *silent)
    assert told == (
        f"{len(silent)} of 3 shards not read within a minute: a for 62 s: denied: {DENIED.detail}"
    )
    assert scene.passes(300, *silent) is not None
    assert scene.passes(1) is None


def test_a_shard_that_was_never_read_counts_from_its_first_failure() -> None:
    scene = Scene()
    scene.answered["b"] = None
    told = scene.passes(READ_WITHIN_S + 5, "b")
    assert told is not None
    assert told.startswith("1 of 3 shards not read within a minute: b for 64 s: denied")


def test_a_shard_that_says_nothing_at_all_is_told_too() -> None:
    told = Scene().passes(READ_WITHIN_S + 2, "c", failing=False)
    assert told == "1 of 3 shards not read within a minute: c for 62 s: no answer"


def test_a_shard_that_waits_for_its_parents_is_not_to_be_read() -> None:
    scene = Scene()
    scene.answered["c"] = None
    assert scene.passes(3600, "c", failing=False) is None


def test_a_shard_that_pauses_ahead_of_the_others_is_not_to_be_read() -> None:
    scene = Scene()
    scene.paused = {"b"}
    assert scene.passes(3600, "b", failing=False) is None


def test_a_worker_at_rest_is_not_ready_and_says_so() -> None:
    scene = Scene()
    scene.paused, scene.backpressure = set(SHARDS), 1.0
    told = scene.passes(READ_WITHIN_S + 2, *SHARDS, failing=False)
    assert told is not None
    assert told.endswith("a for 62 s: backpressure, the outbox is full")


def test_while_no_commit_is_made_it_says_what_for() -> None:
    scene = Scene()
    scene.commit()
    away = S3Failure(S3FailureKind.UNKNOWN, "PutObject: SlowDown (503)")
    scene.readiness.state_call_failed(CallFailed("put", "manifest", away, 1, 0.1))
    scene.now += COMMIT_WITHIN_S
    assert scene.readiness.unready() is None
    scene.now += 1
    assert scene.readiness.unready() == (
        "no commit for 121 s: the state can't be reached: manifest: unknown: "
        "PutObject: SlowDown (503)"
    )
    scene.passes(1)
    assert scene.readiness.unready() is None


def test_it_is_not_ready_while_the_shards_can_not_be_listed_for_a_minute() -> None:
    scene = Scene()
    scene.commit()
    gone = StreamFailure(StreamFailureKind.GONE, "no stream")
    scene.readiness.reader_event(BackedOff("", gone, LASTING - 1, 200))
    assert scene.readiness.unready() is None
    scene.readiness.reader_event(BackedOff("", gone, LASTING, 200))
    assert scene.passes(1) == "the stream can't be read: gone: no stream"
    scene.readiness.reader_event(FoundAgain(LASTING))
    assert scene.readiness.unready() is None
