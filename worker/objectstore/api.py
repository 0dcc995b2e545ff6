"""What the S3 store needs of a bucket, as values: what may be asked and what comes back."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class StoreFailureKind(StrEnum):
    """What a failed call means to the store."""

    MISSING = "missing"  # 404: there is no such object
    CHANGED = "changed"  # 412: the object isn't, or isn't any longer, what the condition says
    CONFLICT = "conflict"  # 409: another conditional write was under way
    UNKNOWN = "unknown"  # a timeout, a lost connection, 5xx, a throttle: a write may be applied
    BUCKET_MISSING = "nowhere"  # there is no such bucket: the operator's, as the next
    DENIED = "denied"  # 403: permissions, keys; an operator may mend it while one waits
    REFUSED = "refused"  # whatever else is the operator's
    NO_ROOM = "no room"  # the disk of a state file is full


class StoreFailure(NamedTuple):
    """Why a call gave no answer. ``detail``: one line, without any data."""

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
    """The objects under one prefix of a bucket, by keys relative to it; for many threads.

    No method raises for what a service or a network does, and none retries.
    """

    @property
    def url(self) -> str:
        """Where it lies, for messages: ``s3://bucket/prefix``."""
        ...

    def get(self, key: str) -> Object | StoreFailure:
        """A whole object."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes | StoreFailure:
        """``length`` bytes (at least 1) of an object, fewer or none if it ends before."""
        ...

    def etag(self, key: str) -> str | StoreFailure:
        """An object's tag alone."""
        ...

    def put(self, key: str, data: bytes, expected: str | None) -> str | StoreFailure:
        """Replace the object whose tag is ``expected``; None: make one where there is none.

        The new tag. A ``CHANGED``, ``CONFLICT`` or ``MISSING`` one was not applied.
        """
        ...

    def delete(self, key: str) -> StoreFailure | None:
        """Remove an object, if there is one."""
        ...

    def keys(self, prefix: str, after: str = "") -> KeyPage | StoreFailure:
        """The first of the keys that begin with ``prefix`` and come after ``after``."""
        ...
