"""Calls to a bucket that go on until they have an answer.

While S3 is away a call waits, with full jitter, and tries again: nothing is lost by that, and
the worker goes on by itself. What ends a wait is what ``sleep`` raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple, TypeVar

from worker.backoff import full_jitter
from worker.errors import CorruptState, Misconfigured
from worker.objectstore.api import Object, ObjectStore, StoreFailure, StoreFailureKind

_T = TypeVar("_T")

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0


class CallFailed(NamedTuple):
    """A call that will be made again after ``wait_s``; the ``attempt``-th in a row, from 1.

    ``url``: where the objects lie that ``key`` is one of.
    """

    operation: str
    key: str
    failure: StoreFailure
    attempt: int
    wait_s: float
    url: str = ""


class Access:
    """``sleep`` takes seconds; ``random`` gives numbers in [0, 1); ``observer`` is told of
    failures, by any thread, and must neither block nor raise.
    """

    def __init__(
        self,
        objects: ObjectStore,
        sleep: Callable[[float], object],
        random: Callable[[], float],
        observer: Callable[[CallFailed], object],
    ) -> None:
        self.url = objects.url
        self._objects = objects
        self._sleep = sleep
        self._random = random
        self._observer = observer
        self._outlasts_denials = False

    def outlast_denials(self) -> None:
        """From now on wait, as for a bucket that is away, where it denies a call that it granted
        before: policies, keys and roles are changed, and mended.
        """
        self._outlasts_denials = True

    def read(self, key: str) -> Object | None:
        """A whole object; None if there is none."""
        return self._answer("get", key, lambda: self._objects.get(key))

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        """A part of an object; None if there is no such object."""
        return self._answer("get", key, lambda: self._objects.get_range(key, start, length))

    def etag(self, key: str) -> str | None:
        """An object's tag; None if there is none."""
        return self._answer("head", key, lambda: self._objects.etag(key))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with ``prefix``, in ascending order, listed as they are needed."""
        after = ""
        while True:
            page = self._answer("list", prefix, partial(self._objects.keys, prefix, after))
            if page is None:
                return
            yield from page.keys
            if not page.more:
                return
            after = page.keys[-1]

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._answer("delete", key, lambda: self._objects.delete(key))

    def create(self, key: str, data: bytes) -> None:
        """Write an object whose key nobody else ever uses."""
        if self.replace(key, data, None) is None:
            raise CorruptState(f"{self.url}/{key} is there already, and is not what was written")

    def replace(self, key: str, data: bytes, expected: str | None) -> str | None:
        """Compare and swap: the new tag, or None if the object has been changed by another.

        ``data`` must be unlike any other version's. Where the answer doesn't tell, the object
        itself does: it is ``data``, so this succeeded; or what it was, so this may be tried
        again (an attempt that is still on its way and one that repeats it can't both succeed);
        or neither.
        """
        attempt = 0
        while True:
            answer = self._objects.put(key, data, expected)
            if not isinstance(answer, StoreFailure):
                return answer
            self._refuse(key, answer)
            found = self.read(key)
            if found is not None and found.data == data:
                return found.etag
            if (None if found is None else found.etag) != expected:
                return None
            attempt += 1
            self._wait("put", key, answer, attempt)

    def _answer(self, operation: str, key: str, call: Callable[[], _T | StoreFailure]) -> _T | None:
        attempt = 0
        while True:
            answer = call()
            if not isinstance(answer, StoreFailure):
                return answer
            if answer.kind is StoreFailureKind.MISSING:
                return None
            self._refuse(key, answer)
            attempt += 1
            self._wait(operation, key, answer, attempt)

    def _refuse(self, key: str, failure: StoreFailure) -> None:
        if failure.kind is StoreFailureKind.DENIED and self._outlasts_denials:
            return
        if failure.kind in (
            StoreFailureKind.BUCKET_MISSING,
            StoreFailureKind.REFUSED,
            StoreFailureKind.DENIED,
        ):
            raise Misconfigured(f"can't use {self.url}/{key}: {failure.detail}")

    def _wait(self, operation: str, key: str, failure: StoreFailure, attempt: int) -> None:
        wait_s = full_jitter(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, attempt, self._random)
        self._observer(CallFailed(operation, key, failure, attempt, wait_s, self.url))
        self._sleep(wait_s)
