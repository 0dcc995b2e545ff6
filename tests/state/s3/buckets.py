"""Stores in strict buckets, and ways to disturb them at any one of their calls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from tests.state.commits import STREAM
from worker.objectstore.retrying import Access
from worker.outbox.ledger import Note
from worker.partition.delta import Delta
from worker.state.s3 import manifest as manifests
from worker.state.s3.ledger import notes_since
from worker.state.s3.maintenance import MaintenanceSchedule
from worker.state.s3.manifest import SEGMENTS, Manifest
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.store import S3Store
from worker.testing.strict_s3 import S3Fault, S3Operation, StrictS3

EAGER = MaintenanceSchedule(commits=2, size=1 << 40, sweep_every=1)
NEVER = MaintenanceSchedule(commits=1 << 40, size=1 << 40, sweep_every=1 << 40)

_nonces = count()


class Crashed(BaseException):
    """The process is no more."""


def store_in(
    bucket: StrictS3,
    schedule: MaintenanceSchedule = EAGER,
    sleep: Callable[[float], object] = lambda _: None,
) -> S3Store:
    return S3Store(
        bucket,
        observer=lambda _: None,
        sleep=sleep,
        random=lambda: 0.5,
        nonce=lambda: f"{next(_nonces):x}",
        schedule=schedule,
        readers=1,
    )


def taken_in(bucket: StrictS3, schedule: MaintenanceSchedule = EAGER) -> S3Store:
    store = store_in(bucket, schedule)
    store.acquire(STREAM)
    return store


def copied(bucket: StrictS3) -> StrictS3:
    copy = StrictS3()
    copy.objects = dict(bucket.objects)
    return copy


def state_in(bucket: StrictS3) -> Delta:
    """What a new owner would find; nothing is changed by that."""
    return store_in(copied(bucket)).acquire(STREAM)


def ledger_in(bucket: StrictS3) -> list[Note]:
    access = Access(copied(bucket), lambda _: None, lambda: 0.5, lambda _: None)
    return notes_since(access, 0)


def manifest_in(bucket: StrictS3) -> Manifest:
    return manifests.decode_manifest(bucket.objects[MANIFEST])


def segments_in(bucket: StrictS3) -> list[str]:
    return sorted(name for name in bucket.objects if name.startswith(SEGMENTS))


def needed_in(bucket: StrictS3) -> list[str]:
    return sorted(ref.name for ref in manifest_in(bucket).refs())


def nth(n: int, fault: S3Fault) -> Callable[[S3Operation, str], S3Fault | None]:
    """The nth call from now (from 0) fails."""
    calls = count()
    return lambda _operation, _key: fault if next(calls) == n else None


def at_call(n: int, act: Callable[[], object]) -> Callable[[S3Operation, str], None]:
    """Something happens at the nth call from now (from 0); not at those of its own."""
    calls = count()
    busy: list[bool] = []

    def at(_operation: S3Operation, _key: str) -> None:
        if not busy and next(calls) == n:
            busy.append(True)
            act()

    return at


def crash() -> None:
    raise Crashed


def calls_of(bucket: StrictS3, act: Callable[[], object]) -> int:
    """How many calls it makes."""
    before = len(bucket.calls)
    act()
    return len(bucket.calls) - before
