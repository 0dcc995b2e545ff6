"""Access to a bucket that retries calls until they have an answer.

While S3 is unavailable a call waits, with full jitter, and is retried: nothing is lost by that, and
the worker resumes by itself. Only an error raised by ``sleep`` ends the wait.
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
    """A failed call that will be retried after ``wait_s``; the ``attempt``-th in a row, from 1.

    ``url``: the location that ``key`` is relative to.
    """

    operation: str
    key: str
    failure: StoreFailure
    attempt: int
    wait_s: float
    url: str = ""


class Access:
    """Retries the calls of an ``ObjectStore``. ``sleep`` takes seconds; ``random`` returns numbers
    in [0, 1); ``observer`` is called with each failure, by any thread, and must neither block nor
    raise.
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
        """From now on wait on denied calls as on an unavailable bucket, because such calls were
        granted before: policies, keys and roles get changed, and fixed.
        """
        self._outlasts_denials = True

    def read(self, key: str) -> Object | None:
        """Return a whole object; None if there is none."""
        return self._answer("get", key, lambda: self._objects.get(key))

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return a part of an object; None if there is no such object."""
        return self._answer("get", key, lambda: self._objects.get_range(key, start, length))

    def etag(self, key: str) -> str | None:
        """Return an object's tag; None if there is none."""
        return self._answer("head", key, lambda: self._objects.etag(key))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in ascending order, listed on demand."""
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
        """Write an object whose key no other writer ever uses."""
        if self.replace(key, data, None) is None:
            raise CorruptState(
                f"{self.url}/{key} exists already, with other contents than those written"
            )

    def replace(self, key: str, data: bytes, expected: str | None) -> str | None:
        """Compare and swap: return the new tag, or None if the object has been changed by another.

        ``data`` must differ from any other version's. If the answer is unknown, the object itself
        decides: it is ``data``, so the write succeeded; or it is unchanged, so the write may be
        retried (an attempt that is still in flight and one that repeats it can't both succeed); or
        it is neither.
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
