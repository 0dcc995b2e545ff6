"""Restores a state from its manifest: reads the footers of its segments, several at once."""

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
    """A manifest as found; without a tag, the first one to be written."""

    manifest: Manifest
    etag: str | None


class Restoring:
    """The footers of segments by name, each read once, while the manifest may still change."""

    def __init__(self, access: Access, readers: int) -> None:
        self._access = access
        self._readers = readers
        self._footers: dict[str, Footer] = {}

    def read(self, manifest: Manifest) -> str | None:
        """Read the live footers that weren't read yet; return the name of a missing segment, or
        None.

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
        """Return the merge of all commits. All footers must have been read."""
        footers = (self._footers[segment.ref.name] for segment in manifest.log)
        deltas = (footer.delta for footer in footers if footer.delta is not None)
        return merge_all(deltas, self._access.url)

    def index(self, manifest: Manifest) -> EvictedIndex:
        """Return the index of the evicted sessions. All footers must have been read."""
        index = EvictedIndex()
        index.forget(manifest.forget_before)
        for ref in manifest.refs():  # archives first: sessions in the log are newer
            index.add(ref.number, self._footers[ref.name].evicted)
        index.prune()
        return index

    def evicted(self, ref: SegmentRef) -> list[EvictedExtent]:
        """Return where a segment, which must have been read, has evicted sessions."""
        return self._footers[ref.name].evicted

    def _fetch(self, ref: SegmentRef) -> bytes | None:
        return self._access.read_range(ref.name, ref.footer, ref.size - ref.footer)


def find(access: Access, stream: str) -> FoundManifest:
    """Return the manifest, or a first one if no state was ever kept here.

    Raises ``CorruptState`` if it can't be read or is gone, ``StreamReplaced`` if it belongs to
    another stream.
    """
    found = look(access)
    if found is None:
        return FoundManifest(Manifest(stream), None)
    if found.manifest.stream != stream:
        raise StreamReplaced(
            f"{access.url} holds the state of {found.manifest.stream}, not of {stream}: name "
            "another prefix, or move this one away to start an empty one"
        )
    return found


def look(access: Access) -> FoundManifest | None:
    """Return the manifest, whatever stream it belongs to; None if no state was ever kept here.

    Raises ``CorruptState`` if it can't be read or is gone.
    """
    found = access.read(MANIFEST)
    if found is None:
        names = list(access.keys(SEGMENTS))
        if not names:
            return None
        found = access.read(MANIFEST)  # another worker may have written it before the listing
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
    """Return the manifest after reading all that it names. Its owner may be running meanwhile: if
    compaction has deleted a segment, the manifest is read again.
    """
    found = find()
    while (missing := restoring.read(found.manifest)) is not None:
        again = find()
        if again == found:
            raise corrupt(access.url, found.manifest, missing, "it is missing")
        found = again
    return found
