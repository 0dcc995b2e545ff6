"""A bucket in memory, as strict about conditions as S3, with faults on request.

It uses neither clock nor randomness: equal calls with equal faults get equal answers. Like S3 it is
strongly consistent: the next call sees every write, also in listings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Final, Literal, NamedTuple, TypeVar

from worker.objectstore.api import KeyPage, Object, StoreFailure, StoreFailureKind

_T = TypeVar("_T")
S3Operation = Literal["get", "get_range", "etag", "put", "delete", "keys"]


class S3Fault(Enum):
    """Ways for a call to fail. ``AFTER``: the call fails once it has been carried out. ``LATER``:
    the call and its condition are carried out after the next call.

    For a read, failing after being carried out is the same as failing.
    """

    TIMEOUT = "timeout"
    TIMEOUT_AFTER = "timeout, applied"
    TIMEOUT_LATER = "timeout, applied later"
    LOST_AFTER = "connection lost, applied"
    SLOW_DOWN = "503 SlowDown"
    SERVER_ERROR = "500"
    SERVER_ERROR_AFTER = "500, applied"
    CONFLICT = "409 ConditionalRequestConflict"
    CHANGED = "412 PreconditionFailed"
    DENIED = "403 AccessDenied"


AFTER: Final = frozenset({S3Fault.TIMEOUT_AFTER, S3Fault.LOST_AFTER, S3Fault.SERVER_ERROR_AFTER})
_KINDS: Final = {
    S3Fault.CONFLICT: StoreFailureKind.CONFLICT,
    S3Fault.CHANGED: StoreFailureKind.CHANGED,
    S3Fault.DENIED: StoreFailureKind.DENIED,
}
_CONDITIONAL: Final = frozenset({S3Fault.CONFLICT, S3Fault.CHANGED})


class S3Call(NamedTuple):
    """A call that was made, and its fault."""

    operation: S3Operation
    key: str
    fault: S3Fault | None


def _no_faults(_operation: S3Operation, _key: str) -> S3Fault | None:
    return None


class StrictS3:
    """An ``ObjectStore``, for many stores and threads.

    ``faults`` returns the fault of each call; if it raises, the call isn't made. ``after`` is
    called with each call that has been carried out, and may raise, too. The faults of conditions
    apply to writes only.
    """

    def __init__(
        self,
        faults: Callable[[S3Operation, str], S3Fault | None] = _no_faults,
        page: int = 1000,
    ) -> None:
        self.url = "s3://bucket/state"
        self.page = page
        self.objects: dict[str, bytes] = {}
        """The objects, by key."""
        self.calls: list[S3Call] = []
        """The calls so far."""
        self.faults = faults
        self.after: Callable[[S3Operation, str], object] = _no_faults
        self._later: list[Callable[[], object]] = []
        self._lock = Lock()

    def get(self, key: str) -> Object | StoreFailure:
        """See ``ObjectStore.get``."""

        def get() -> Object | StoreFailure:
            data = self.objects.get(key)
            return _missing(key) if data is None else Object(data, _etag(data))

        return self._call("get", key, get)

    def get_range(self, key: str, start: int, length: int) -> bytes | StoreFailure:
        """See ``ObjectStore.get_range``."""

        def get_range() -> bytes | StoreFailure:
            data = self.objects.get(key)
            if data is None:
                return _missing(key)
            if length < 1 or start < 0:
                return StoreFailure(StoreFailureKind.REFUSED, f"{key}: 400 InvalidArgument")
            return data[start : start + length]

        return self._call("get_range", key, get_range)

    def etag(self, key: str) -> str | StoreFailure:
        """See ``ObjectStore.etag``."""

        def etag() -> str | StoreFailure:
            data = self.objects.get(key)
            return _missing(key) if data is None else _etag(data)

        return self._call("etag", key, etag)

    def put(self, key: str, data: bytes, expected: str | None) -> str | StoreFailure:
        """See ``ObjectStore.put``."""

        def put() -> str | StoreFailure:
            there = self.objects.get(key)
            if expected is not None and there is None:
                return _missing(key)
            if (None if there is None else _etag(there)) != expected:
                return StoreFailure(StoreFailureKind.CHANGED, f"{key}: 412 PreconditionFailed")
            self.objects[key] = data
            return _etag(data)

        return self._call("put", key, put)

    def delete(self, key: str) -> StoreFailure | None:
        """See ``ObjectStore.delete``."""

        def delete() -> None:
            self.objects.pop(key, None)

        return self._call("delete", key, delete)

    def keys(self, prefix: str, after: str = "") -> KeyPage | StoreFailure:
        """See ``ObjectStore.keys``; a page has up to ``page`` keys."""

        def keys() -> KeyPage:
            found = sorted(one for one in self.objects if one.startswith(prefix) and one > after)
            return KeyPage(found[: self.page], len(found) > self.page)

        return self._call("keys", prefix, keys)

    def deliver(self) -> None:
        """Carry out the calls that are still in flight."""
        later, self._later = self._later, []
        for call in later:
            call()

    def _call(self, operation: S3Operation, key: str, call: Callable[[], _T]) -> _T | StoreFailure:
        fault = self.faults(operation, key)
        if fault in _CONDITIONAL and operation != "put":
            fault = None
        answer: _T | StoreFailure
        with self._lock:
            self.calls.append(S3Call(operation, key, fault))
            if fault is None:
                answer = call()
            else:
                answer = _failure(key, fault)
                if fault in AFTER:
                    call()
            self.deliver()
            if fault is S3Fault.TIMEOUT_LATER:
                self._later.append(call)
        if fault is None or fault in AFTER:
            self.after(operation, key)
        return answer


def _failure(key: str, fault: S3Fault) -> StoreFailure:
    return StoreFailure(_KINDS.get(fault, StoreFailureKind.UNKNOWN), f"{key}: {fault.value}")


def _missing(key: str) -> StoreFailure:
    return StoreFailure(StoreFailureKind.MISSING, f"{key}: 404 NoSuchKey")


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
