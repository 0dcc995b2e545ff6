"""The bucket operations that the S3 store needs, and their results, as values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class StoreFailureKind(StrEnum):
    """The meaning of a failed call to the store."""

    MISSING = "missing"  # 404: there is no such object
    CHANGED = "changed"  # 412: the object isn't, or is no longer, what the condition says
    CONFLICT = "conflict"  # 409: another conditional write was in progress
    UNKNOWN = "unknown"  # a timeout, a lost connection, 5xx, a throttle: a write may be applied
    BUCKET_MISSING = "nowhere"  # there is no such bucket; the operator must fix it, as the next two
    DENIED = "denied"  # 403: permissions, keys; an operator may fix it while a call waits
    REFUSED = "refused"  # all else that the operator must fix
    NO_ROOM = "no room"  # the disk of a state file is full


class StoreFailure(NamedTuple):
    """The reason why a call failed. ``detail``: one line, without any data."""

    kind: StoreFailureKind
    detail: str


class Object(NamedTuple):
    """An object's bytes, and the tag that changes whenever they do."""

    data: bytes
    etag: str


class KeyPage(NamedTuple):
    """Some keys in ascending order; ``more``: whether others may follow them."""

    keys: list[str]
    more: bool


class ObjectStore(Protocol):
    """The objects under one prefix of a bucket, by keys relative to it. Thread-safe.

    No method raises for a failure of the service or the network, and none retries.
    """

    @property
    def url(self) -> str:
        """The prefix, for messages: ``s3://bucket/prefix``."""
        ...

    def get(self, key: str) -> Object | StoreFailure:
        """Return a whole object."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes | StoreFailure:
        """Return ``length`` bytes (at least 1) of an object, fewer or none if it ends before."""
        ...

    def etag(self, key: str) -> str | StoreFailure:
        """Return an object's tag only."""
        ...

    def put(self, key: str, data: bytes, expected: str | None) -> str | StoreFailure:
        """Replace the object whose tag is ``expected``; None: create one where there is none.

        Return the new tag. A ``CHANGED``, ``CONFLICT`` or ``MISSING`` write was not applied.
        """
        ...

    def delete(self, key: str) -> StoreFailure | None:
        """Remove an object, if there is one."""
        ...

    def keys(self, prefix: str, after: str = "") -> KeyPage | StoreFailure:
        """Return the first of the keys that begin with ``prefix`` and come after ``after``."""
        ...
