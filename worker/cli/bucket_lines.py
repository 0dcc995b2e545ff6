"""Lines of the objects that the worker writes into a bucket, one object in memory at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from random import random
from time import sleep
from typing import Final, NamedTuple

import zstandard

from worker.destinations.objects import SUFFIX
from worker.errors import BadInput, Unreachable
from worker.objectstore.retrying import Access, CallFailed
from worker.objectstore.s3 import connect

_LONGEST_WAIT_S: Final = 30.0
_THREADS: Final = 8


class Line(NamedTuple):
    """A line, by its object's URL and its number in it, from 1."""

    url: str
    number: int
    data: bytes


def access(url: str, region: str | None, endpoint: str | None) -> Access:
    """Calls to a bucket that are repeated for a while, and then given up as ``Unreachable``."""
    bucket = connect(url, region=region, endpoint=endpoint, threads=_THREADS)
    patience = _Patience(url, sleep)
    return Access(bucket, patience.sleep, random, patience.failed)


def lines_at(place: str, folder: str, region: str | None, endpoint: str | None) -> Iterator[Line]:
    """All lines at ``place``: an object; a prefix that has ``folder``; or a part of that folder,
    such as a day. In order of days and hours.

    Raises ``BadInput`` for an object that isn't there or can't be read.
    """
    if place.endswith(SUFFIX):
        parent, _, name = place.rpartition("/")
        yield from _lines(access(parent, region, endpoint), name, must=True)
        return
    at = access(place, region, endpoint)
    inside = f"/{folder}/" in f"{place}/"
    for key in at.keys("" if inside else f"{folder}/"):
        if key.endswith(SUFFIX) and f"/{folder}/dt=" in f"{at.url}/{key}":
            yield from _lines(at, key)


def _lines(at: Access, key: str, *, must: bool = False) -> Iterator[Line]:
    url = f"{at.url}/{key}"
    found = at.read(key)
    if found is None:
        if must:
            raise BadInput(f"there is no object {url}")
        return  # deleted since it was listed
    packed = zstandard.ZstdDecompressor().stream_reader(found.data)
    try:
        for number, line in enumerate(io.BufferedReader(packed), 1):
            yield Line(url, number, line)
    except zstandard.ZstdError as error:
        raise BadInput(f"{url} can't be read: {error}") from error


class _Patience:
    """How long a command waits for a bucket that doesn't answer."""

    def __init__(self, url: str, sleep: Callable[[float], object]) -> None:
        self._url = url
        self._sleep = sleep
        self._waited = 0.0
        self._why = ""

    def failed(self, failed: CallFailed) -> None:
        if failed.attempt == 1:
            self._waited = 0.0
        self._why = failed.failure.detail

    def sleep(self, seconds: float) -> None:
        self._waited += seconds
        if self._waited > _LONGEST_WAIT_S:
            raise Unreachable(f"{self._url} can't be reached: {self._why}")
        self._sleep(seconds)
