"""Reading a state back from its manifest: the tails of its segments, several at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from worker.errors import CorruptState, StreamReplaced
from worker.objectstore.parallel import each
from worker.objectstore.retrying import Access
from worker.partition.delta import Delta, merge_all
from worker.state.s3 import manifest as manifests
from worker.state.s3.index import EvictedIndex
from worker.state.s3.manifest import SEGMENTS, Manifest, SegmentRef
from worker.state.s3.ownership import MANIFEST, corrupt, last_in
from worker.state.s3.segment import EvictedExtent, Footer, read_footer


class FoundManifest(NamedTuple):
    """A manifest as it was found; without a tag, the one that there would be first."""

    manifest: Manifest
    etag: str | None


class Restoring:
    """The tails of segments by name, each read once, while the manifest may still change."""

    def __init__(self, access: Access, readers: int) -> None:
        self._access = access
        self._readers = readers
        self._footers: dict[str, Footer] = {}

    def read(self, manifest: Manifest) -> str | None:
        """Read what is needed and wasn't read yet; the name of a segment that is missing.

        Raises ``CorruptState``, with the last good commit, if one can't be read.
        """
        new = [ref for ref in manifest.refs() if ref.name not in self._footers]
        for ref, data in zip(new, each(self._fetch, new, self._readers), strict=True):
            if data is None:
                return ref.name
            try:
                self._footers[ref.name] = read_footer(data)
            except CorruptState as error:
                raise corrupt(self._access.url, manifest, ref.name, error) from error
        return None

    def whole(self, manifest: Manifest) -> Delta:
        """What all commits amount to. All must have been read."""
        footers = (self._footers[stretch.ref.name] for stretch in manifest.log)
        deltas = (footer.delta for footer in footers if footer.delta is not None)
        return merge_all(deltas, self._access.url)

    def index(self, manifest: Manifest) -> EvictedIndex:
        """Where the packed sessions lie. All must have been read."""
        index = EvictedIndex()
        index.forget(manifest.forget_before)
        for ref in manifest.refs():  # archives first: what is in the log is newer
            index.add(ref.number, self._footers[ref.name].evicted)
        index.prune()
        return index

    def evicted(self, ref: SegmentRef) -> list[EvictedExtent]:
        """Where a segment, which must have been read, has packed sessions."""
        return self._footers[ref.name].evicted

    def _fetch(self, ref: SegmentRef) -> bytes | None:
        return self._access.read_range(ref.name, ref.footer, ref.size - ref.footer)


def find(access: Access, stream: str) -> FoundManifest:
    """The manifest, or a first one if nothing was ever kept here.

    Raises ``CorruptState`` if it can't be read or has gone, ``StreamReplaced`` if it belongs to
    another stream.
    """
    found = look(access)
    if found is None:
        return FoundManifest(Manifest(stream), None)
    if found.manifest.stream != stream:
        raise StreamReplaced(
            f"{access.url} holds the state of {found.manifest.stream}, not of {stream}: name "
            "another prefix, or move this one away to start anew"
        )
    return found


def look(access: Access) -> FoundManifest | None:
    """The manifest, whatever stream it belongs to; None if nothing was ever kept here.

    Raises ``CorruptState`` if it can't be read or has gone.
    """
    found = access.read(MANIFEST)
    if found is None:
        names = list(access.keys(SEGMENTS))
        if not names:
            return None
        found = access.read(MANIFEST)  # another may have begun it before the names were asked for
        if found is None:
            raise CorruptState(f"{access.url}/{MANIFEST} is missing; {last_in(names)}")
    try:
        return FoundManifest(manifests.decode_manifest(found.data), found.etag)
    except CorruptState as error:
        beside = last_in(list(access.keys(SEGMENTS)))
        raise CorruptState(f"{access.url}/{MANIFEST} can't be read ({error}); {beside}") from error


def find_readable(
    find: Callable[[], FoundManifest], access: Access, restoring: Restoring
) -> FoundManifest:
    """The manifest, all that it names having been read. Its owner may be at work meanwhile:
    what compaction has taken away is looked for anew.
    """
    found = find()
    while (missing := restoring.read(found.manifest)) is not None:
        again = find()
        if again == found:
            raise corrupt(access.url, found.manifest, missing, "it is missing")
        found = again
    return found
