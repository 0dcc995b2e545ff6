"""A worker whose state, session records and dead letters are in a bucket of an embedded AWS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import zstandard

from tests.live import (
    Aws,
    Live,
    Offline,
    Statistics,
    beyond,
    bounds,
    but_for_the_close,
    last_revisions,
    working,
)
from worker.destinations.objects import DEAD_LETTERS, RECORDS
from worker.errors import Unreachable
from worker.objectstore.retrying import Access
from worker.objectstore.s3 import Bucket
from worker.outbox.ledger import Note
from worker.partition.accounting import ACCOUNTED
from worker.partition.delta import Delta
from worker.state.s3 import manifest as manifests
from worker.state.s3.ledger import notes_since
from worker.state.s3.manifest import Manifest
from worker.state.s3.ownership import MANIFEST
from worker.state.s3.restoring import FoundManifest, Restoring, find_readable, look
from worker.state.sqlite.view import Peek

STATE: Final = "state"


def _give_up(_seconds: float) -> None:
    raise Unreachable("the embedded AWS is always there")


class Kept:
    """A bucket, looked at from outside. ``versioned``: it keeps all versions of its objects."""

    def __init__(self, aws: Aws, name: str, *, versioned: bool = True) -> None:
        self.url = f"s3://{name}"
        self._name = name
        self._s3 = aws.client("s3")
        self._s3.create_bucket(Bucket=name)
        if versioned:
            enabled = {"Status": "Enabled"}
            self._s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
        state = Bucket(self._s3, name, STATE)
        self._state = Access(state, _give_up, lambda: 0.0, lambda _: None)
        self._restoring = Restoring(self._state, 1)

    def lines(self, folder: str) -> bytes:
        """Of all objects in a folder."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=f"{folder}/"
        )
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return b"".join(zstandard.decompress(self._body(key)) for key in keys)

    def found(self) -> Manifest | None:
        """The manifest, all segments that it names having been read."""
        if look(self._state) is None:
            return None
        return find_readable(self._there, self._state, self._restoring).manifest

    @property
    def commits(self) -> int:
        """How many there are by now."""
        manifest = self.found()
        return manifest.log[-1].last if manifest and manifest.log else 0

    def peek(self) -> Peek:
        manifest = self.found()
        if manifest is None:
            return Peek(0, 0)
        evicted = {s.digest for ref in manifest.refs() for s in self._restoring.evicted(ref)}
        return Peek(len(evicted), len(manifest.outbox))

    def state(self) -> Delta:
        manifest = self.found()
        assert manifest is not None
        return self._restoring.whole(manifest)

    def owners(self) -> list[tuple[Manifest, Manifest]]:
        """The manifests before and after each time that the state was taken from somebody.

        Of a versioned bucket.
        """
        versions = [
            manifests.decode_manifest(self._body(f"{STATE}/{MANIFEST}", one)) for one in self._ids()
        ]
        pairs = pairwise(versions)
        return [(old, new) for old, new in pairs if old.epoch != new.epoch]

    def notes(self) -> list[Note]:
        """The whole ledger."""
        return notes_since(self._state, 0)

    def _there(self) -> FoundManifest:
        found = look(self._state)
        assert found is not None
        return found

    def _ids(self) -> list[str]:
        """All versions of the manifest, oldest first."""
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._name, Prefix=f"{STATE}/{MANIFEST}"
        )
        return [one["VersionId"] for page in pages for one in page.get("Versions", ())][::-1]

    def _body(self, key: str, version: str | None = None) -> bytes:
        which = {} if version is None else {"VersionId": version}
        body: bytes = self._s3.get_object(Bucket=self._name, Key=key, **which)["Body"].read()
        return body


class S3Live(Live):
    """A running worker with a state in a bucket."""

    look_every_s = 0.2

    def __init__(self, folder: Path, kept: Kept) -> None:
        self._kept = kept
        super().__init__(folder)

    def peek(self) -> Peek:
        return self._kept.peek()

    @property
    def state(self) -> Delta:
        return self._kept.state()

    @property
    def epoch(self) -> int:
        manifest = self._kept.found()
        return 0 if manifest is None else manifest.epoch


@contextmanager
def working_in(kept: Kept, aws: Aws, folder: Path, **settings: Any) -> Iterator[Live]:
    """``run`` with everything in a bucket."""
    folder.mkdir(exist_ok=True)
    places = {
        "state": f"{kept.url}/{STATE}",
        "records": kept.url,
        "dead_letters": kept.url,
        "log_format": "json",
    }
    with working(aws, folder, live=S3Live(folder, kept), **{**places, **settings}) as live:
        yield live


def exact_but_for(aws: Aws, kept: Kept, namespace: str, offline: Offline) -> Statistics:
    """By how much CloudWatch has more than it should; no more than the ledger says. All else is
    as it must be.
    """
    assert but_for_the_close(last_revisions(kept.lines(RECORDS))) == but_for_the_close(
        offline.records
    )
    assert len(set(kept.lines(DEAD_LETTERS).splitlines())) == offline.counters["dead_letters"] > 0
    counters = kept.state().counters
    assert {name: counters.get(name, 0) for name in ACCOUNTED} == {
        name: offline.counters[name] for name in ACCOUNTED
    }
    bound = bounds(kept.notes())
    twice = beyond(aws.statistics(namespace, offline.statistics), offline.statistics)
    for series, more in twice.items():
        assert 0 < more.samples <= bound[series].samples, series
    return twice
