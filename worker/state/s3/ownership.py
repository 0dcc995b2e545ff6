"""Ownership of a state in a bucket, and the swaps that only the owner can make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import Final, NamedTuple

from worker.errors import CorruptState, Fenced, Unreachable, VoiceInsightsError
from worker.objectstore.retrying import Access
from worker.state.s3 import manifest as manifests
from worker.state.s3.manifest import SEGMENTS, Manifest, SegmentRef
from worker.state.s3.segment import Segment

MANIFEST: Final = "manifest"
"""The manifest's key."""


class _Owned(NamedTuple):
    """The state as the last swap left it."""

    manifest: Manifest
    etag: str
    names: dict[int, str]


class Ownership:
    """Guards a state's manifest. ``lock`` is held around each swap and whatever must agree with it.

    Ownership is over once it is fenced, or once the result of a swap is unknown: every use of the
    manifest then raises that error, without a call.
    """

    def __init__(self, access: Access, nonce: Callable[[], str]) -> None:
        self.lock = Lock()
        self.nonce = nonce
        self._access = access
        self._owned: _Owned | None = None
        self._over: VoiceInsightsError = Fenced(f"{access.url} has not been acquired")
        self._numbers = count(1)
        self._writing: dict[str, None] = {}

    @property
    def manifest(self) -> Manifest:
        """The current state. Raises ``Fenced`` if it is known to be another owner's by now."""
        return self._mine().manifest

    def name(self, number: int) -> str | None:
        """Return the name of a segment; None if it is no longer live."""
        return self._mine().names.get(number)

    def own(self, manifest: Manifest, etag: str) -> None:
        """Take this manifest, under that tag, as this owner's. The lock is held."""
        self._numbers = count(manifest.next_number)
        self._set(manifest, etag)

    def swap(self, new: Manifest) -> None:
        """Make ``new``, derived from ``manifest``, the state. The lock is held."""
        etag = self._mine().etag
        try:
            swapped = self._access.replace(MANIFEST, manifests.encode_manifest(new), etag)
        except VoiceInsightsError as error:
            self._end(error)
            raise
        except BaseException:
            self._end(
                Unreachable(f"{self._access.url}: a commit was abandoned, and may have been made")
            )
            raise
        if swapped is None:
            raise self._lost(self._access.etag(MANIFEST))
        self._set(new, swapped)

    def confirm(self) -> None:
        """Raise ``Fenced`` if another owner has changed the manifest. The lock is held."""
        found = self._access.etag(MANIFEST)
        if found != self._mine().etag:
            raise self._lost(found)

    @contextmanager
    def written(self, segment: Segment) -> Iterator[SegmentRef]:
        """Write a segment, to be named by a swap in the block; until then protect it from the
        sweep.
        """
        self._mine()
        ref = SegmentRef(next(self._numbers), self.nonce(), len(segment.data), segment.footer)
        self._writing[ref.name] = None
        try:
            self._access.create(ref.name, segment.data)
            yield ref
        finally:
            del self._writing[ref.name]

    def live(self) -> set[str]:
        """Return the names of all segments that are live or being written. The lock is held."""
        return {*self._mine().names.values(), *list(self._writing)}

    def missing(self, name: str) -> CorruptState:
        """Return the error for a segment that doesn't exist; raises ``Fenced`` if that is the
        reason.
        """
        with self.lock:
            self.confirm()
            return corrupt(self._access.url, self.manifest, name, "it is missing")

    def _mine(self) -> _Owned:
        owned = self._owned
        if owned is None:
            raise type(self._over)(*self._over.args)
        return owned

    def _set(self, manifest: Manifest, etag: str) -> None:
        self._owned = _Owned(manifest, etag, {ref.number: ref.name for ref in manifest.refs()})

    def _lost(self, found: str | None) -> VoiceInsightsError:
        """Return the error for a manifest that is no longer this owner's. ``found``: its tag
        now.
        """
        url, epoch = self._access.url, self._mine().manifest.epoch
        error: VoiceInsightsError = Fenced(f"another worker has taken {url}, ending epoch {epoch}")
        if found is None:
            error = CorruptState(
                f"{url}/{MANIFEST} was deleted while this worker used it: restore it before the "
                "next start, which would begin an empty state if nothing else is there either"
            )
        self._end(error)
        return error

    def _end(self, error: VoiceInsightsError) -> None:
        self._over = error
        self._owned = None


def corrupt(url: str, manifest: Manifest, name: str, why: object) -> CorruptState:
    """Return the error for a segment that can't be read, with its name and the last good commit."""
    good = 0
    for segment in manifest.log:
        if segment.ref.name == name:
            break
        good = segment.last
    last = f"the last good commit is {good}" if good else "there is no good commit before it"
    return CorruptState(f"{url}/{name} can't be read ({why}); {last}")


def last_in(names: list[str]) -> str:
    """Return a description of the commits beside a manifest that can't be read."""
    if not names:
        return "there are no commits beside it"
    number = names[-1].removeprefix(SEGMENTS).partition("-")[0].lstrip("0")
    return f"the last commit beside it is {number}"
