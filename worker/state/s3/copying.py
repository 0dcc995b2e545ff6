"""Copies a state in a bucket to another place, while its owner may be running.

Segments never change, so the segments that one manifest names are a whole state. If compaction
deletes segments meanwhile, copying starts again with the manifest of that moment.
"""

from __future__ import annotations

from worker.errors import BadInput, Misconfigured
from worker.objectstore.retrying import Access
from worker.state.s3 import manifest as manifests
from worker.state.s3.ledger import LEDGER
from worker.state.s3.manifest import Manifest
from worker.state.s3.ownership import MANIFEST, corrupt
from worker.state.s3.restoring import look


def copy_objects(source: Access, target: Access) -> None:
    """Copy a state and its ledger to a place without a state. The manifest is written last.

    Raises ``BadInput`` if there is no state at ``source``, ``Misconfigured`` if there is one at
    ``target``, and ``CorruptState`` if the state isn't whole.
    """
    if look(target) is not None:
        raise Misconfigured(f"there is a state at {target.url} already: name another prefix")
    manifest = _manifest(source)
    while (missing := _copy_segments(manifest, source, target)) is not None:
        again = _manifest(source)
        if again == manifest:
            raise corrupt(source.url, manifest, missing, "it is missing")
        manifest = again
    for key in source.keys(LEDGER):
        found = source.read(key)
        if found is not None:  # else it expired meanwhile
            target.create(key, found.data)
    target.create(MANIFEST, manifests.encode_manifest(manifest))


def _manifest(source: Access) -> Manifest:
    found = look(source)
    if found is None:
        raise BadInput(f"there is no state at {source.url}")
    return found.manifest


def _copy_segments(manifest: Manifest, source: Access, target: Access) -> str | None:
    """Copy all segments; return the name of one that no longer exists, or None."""
    for ref in manifest.refs():
        found = source.read(ref.name)
        if found is None:
            return ref.name
        target.create(ref.name, found.data)
    return None
