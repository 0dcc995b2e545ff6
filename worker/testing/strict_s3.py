"""A bucket in memory, as strict about conditions as S3 is, and as unreliable as asked.

It knows no clock and no chance: equal calls under equal faults get equal answers. Strongly
consistent, as S3 is: what was written is what the next call finds, in listings too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Final, Literal, NamedTuple, TypeVar

from worker.objectstore.api import Failure, FailureKind, Object, Page

T = TypeVar("T")
Operation = Literal["get", "get_range", "etag", "put", "delete", "keys"]


class Fault(Enum):
    """Ways for a call to fail. ``AFTER`` ones fail once the call has been carried out, and
    ``LATER`` ones are carried out, their condition with them, when the next call has been.

    A read that fails after it was carried out is one that failed.
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


AFTER: Final = frozenset({Fault.TIMEOUT_AFTER, Fault.LOST_AFTER, Fault.SERVER_ERROR_AFTER})
_KINDS: Final = {
    Fault.CONFLICT: FailureKind.CONFLICT,
    Fault.CHANGED: FailureKind.CHANGED,
    Fault.DENIED: FailureKind.DENIED,
}
_CONDITIONAL: Final = frozenset({Fault.CONFLICT, Fault.CHANGED})


class Call(NamedTuple):
    """A call that was made, and what befell it."""

    operation: Operation
    key: str
    fault: Fault | None


def _no_faults(_operation: Operation, _key: str) -> Fault | None:
    return None


class StrictS3:
    """An ``ObjectStore``, for many stores and threads.

    ``faults`` is asked at each call; it may raise, and then the call isn't made, and the same
    goes for what it raises as ``after``, which is told of each call that has been carried out.
    The faults of conditions befall writes only.
    """

    def __init__(
        self,
        faults: Callable[[Operation, str], Fault | None] = _no_faults,
        page: int = 1000,
    ) -> None:
        self.url = "s3://bucket/state"
        self.page = page
        self.objects: dict[str, bytes] = {}
        """What there is, by key."""
        self.calls: list[Call] = []
        """All calls so far."""
        self.faults = faults
        self.after: Callable[[Operation, str], object] = _no_faults
        self._later: list[Callable[[], object]] = []
        self._lock = Lock()

    def get(self, key: str) -> Object | Failure:
        """See ``ObjectStore.get``."""

        def get() -> Object | Failure:
            data = self.objects.get(key)
            return _missing(key) if data is None else Object(data, _etag(data))

        return self._call("get", key, get)

    def get_range(self, key: str, start: int, length: int) -> bytes | Failure:
        """See ``ObjectStore.get_range``."""

        def get_range() -> bytes | Failure:
            data = self.objects.get(key)
            if data is None:
                return _missing(key)
            if length < 1 or start < 0:
                return Failure(FailureKind.REFUSED, f"{key}: 400 InvalidArgument")
            return data[start : start + length]

        return self._call("get_range", key, get_range)

    def etag(self, key: str) -> str | Failure:
        """See ``ObjectStore.etag``."""

        def etag() -> str | Failure:
            data = self.objects.get(key)
            return _missing(key) if data is None else _etag(data)

        return self._call("etag", key, etag)

    def put(self, key: str, data: bytes, expected: str | None) -> str | Failure:
        """See ``ObjectStore.put``."""

        def put() -> str | Failure:
            there = self.objects.get(key)
            if expected is not None and there is None:
                return _missing(key)
            if (None if there is None else _etag(there)) != expected:
                return Failure(FailureKind.CHANGED, f"{key}: 412 PreconditionFailed")
            self.objects[key] = data
            return _etag(data)

        return self._call("put", key, put)

    def delete(self, key: str) -> Failure | None:
        """See ``ObjectStore.delete``."""

        def delete() -> None:
            self.objects.pop(key, None)

        return self._call("delete", key, delete)

    def keys(self, prefix: str, after: str = "") -> Page | Failure:
        """See ``ObjectStore.keys``; a page is of up to ``page``."""

        def keys() -> Page:
            found = sorted(one for one in self.objects if one.startswith(prefix) and one > after)
            return Page(found[: self.page], len(found) > self.page)

        return self._call("keys", prefix, keys)

    def deliver(self) -> None:
        """Carry out what is still on its way."""
        later, self._later = self._later, []
        for call in later:
            call()

    def _call(self, operation: Operation, key: str, call: Callable[[], T]) -> T | Failure:
        fault = self.faults(operation, key)
        if fault in _CONDITIONAL and operation != "put":
            fault = None
        answer: T | Failure
        with self._lock:
            self.calls.append(Call(operation, key, fault))
            if fault is None:
                answer = call()
            else:
                answer = _failure(key, fault)
                if fault in AFTER:
                    call()
            self.deliver()
            if fault is Fault.TIMEOUT_LATER:
                self._later.append(call)
        if fault is None or fault in AFTER:
            self.after(operation, key)
        return answer


def _failure(key: str, fault: Fault) -> Failure:
    return Failure(_KINDS.get(fault, FailureKind.UNKNOWN), f"{key}: {fault.value}")


def _missing(key: str) -> Failure:
    return Failure(FailureKind.MISSING, f"{key}: 404 NoSuchKey")


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
