"""Opening of the locations that settings and arguments name. Shell.

A location is the path of a file, ``s3://bucket/prefix``, or ``-`` for standard output. Only this
module distinguishes them.
"""

from __future__ import annotations

import os
import random as randomness
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import boto3

from worker.aws.sessions import open_session
from worker.destinations.erasing import (
    ErasedLines,
    erase_in_file,
    erase_in_folder,
    erase_in_object,
)
from worker.destinations.files import STDOUT, LineSink, StdoutRecords
from worker.destinations.objects import (
    DEAD_LETTERS,
    RECORDS,
    SUFFIX,
    ObjectSink,
    letter_time,
    record_time,
)
from worker.destinations.written_lines import (
    WrittenLine,
    lines_of_file,
    lines_of_folder,
    lines_of_object,
)
from worker.errors import BadInput, Misconfigured
from worker.objectstore.patience import patient_access
from worker.objectstore.retrying import Access, CallFailed
from worker.objectstore.s3 import Bucket, S3Client, bucket_at, s3_client
from worker.outbox.destination import Sink
from worker.private_files import create_file, small_file
from worker.settings.values import is_s3
from worker.state.s3.copying import copy_objects
from worker.state.s3.restoring import look
from worker.state.s3.store import READERS, S3Store
from worker.state.s3.view import S3View
from worker.state.sqlite.copying import copy_file
from worker.state.sqlite.file import holds_state
from worker.state.sqlite.store import SqliteStore
from worker.state.sqlite.view import SqliteView
from worker.state.store import Erasable
from worker.state.view import StateView

_STATES: Final = 8

_THREADS: Final = _STATES * READERS + 5
"""The most connections to S3 that are kept, which all buckets share: for the readers of as many
states as a task acquires at once, the service, its three lanes and its compactor.
"""


class Locations:
    """Opens locations; all buckets share one client, made when the first is opened.

    ``region`` and ``endpoint``: None leaves them to boto3's environment and files. ``session``:
    the source of credentials; None opens one for the first bucket. Every method that opens a
    bucket raises ``Misconfigured`` if no region is set, or the location is not a bucket's URL.
    """

    def __init__(
        self,
        region: str | None,
        endpoint: str | None,
        session: boto3.Session | None = None,
    ) -> None:
        self._region = region
        self._endpoint = endpoint
        self._session = session

    def bucket(self, location: str) -> Bucket | None:
        """The bucket and prefix of a location; None if it is not in a bucket."""
        return bucket_at(self._client, location) if is_s3(location) else None

    def store(
        self,
        location: str,
        call_failed: Callable[[CallFailed], object],
        sleep: Callable[[float], object],
        random: Callable[[], float],
    ) -> Erasable:
        """The store at a location, not acquired yet. For the callables see ``Access``."""
        bucket = self.bucket(location)
        if bucket is None:
            return SqliteStore(Path(location), observer=call_failed, sleep=sleep, random=random)
        return S3Store(bucket, observer=call_failed, sleep=sleep, random=random)

    def view(self, location: str) -> StateView:
        """A read-only view of the state at a location. Raises ``BadInput`` if there is no file."""
        bucket = self.bucket(location)
        if bucket is not None:
            return S3View(_patiently(bucket))
        if not Path(location).exists():
            raise BadInput(f"there is no state file {location}")
        return SqliteView(Path(location))

    def make_folder(self, location: str) -> None:
        """Make the folder for several states, unless the location is in a bucket. Raises
        ``Misconfigured`` if it can't be made.
        """
        if self.bucket(location) is None:
            try:
                Path(location).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Misconfigured(f"can't make {location}: {error.strerror}") from error

    def has_state(self, location: str) -> bool:
        """Whether a state has been acquired at a location."""
        bucket = self.bucket(location)
        if bucket is None:
            return holds_state(Path(location))
        return look(_patiently(bucket)) is not None

    def copy_state(self, source: str, target: str, *, without_wal: bool) -> None:
        """Copy the state at a location to another location of the same kind; see ``copy_file`` and
        ``copy_objects``. Raises ``Misconfigured`` if the kinds differ.
        """
        one, other = self.bucket(source), self.bucket(target)
        if one is not None and other is not None:
            copy_objects(_patiently(one), _patiently(other))
        elif one is None and other is None:
            copy_file(Path(source), Path(target), without_wal=without_wal)
        else:
            raise Misconfigured(
                "a state file can't be copied to a bucket, nor a bucket's state to a file: stop "
                "the worker, and start a new state at the time up to which the old one has read "
                "(`voice-insights state show`, --start)"
            )

    def read_small(self, location: str, name: str) -> bytes | None:
        """The contents of the small file or object ``name`` in a folder, or under a prefix; None
        if there is none. Raises ``BadInput`` for a file that can't be read.
        """
        bucket = self.bucket(location)
        if bucket is None:
            return small_file(Path(location) / name)
        found = _patiently(bucket).read(name)
        return None if found is None else found.data

    def create_small(self, location: str, name: str, data: bytes) -> bool:
        """Write such a file or object as a whole, and the folder, if there is none; return False
        where there is one already. Raises ``Misconfigured`` for a folder that can't be written.
        """
        bucket = self.bucket(location)
        if bucket is None:
            return create_file(Path(location) / name, data)
        return _patiently(bucket).replace(name, data, None) is not None

    def records(self, location: str, today: Callable[[], str] | None = None) -> Sink:
        """The sink of session records. ``today``: returns the date, for one file a day; None for
        one file. Raises ``Misconfigured`` if the location can't be written to.
        """
        bucket = self.bucket(location)
        if bucket is not None:
            return _existing("records", bucket, ObjectSink(bucket, RECORDS, record_time))
        if location != STDOUT:
            return _file("records", location, today)
        with _of_setting("records"):
            return StdoutRecords()

    def dead_letters(self, location: str, today: Callable[[], str] | None = None) -> Sink:
        """The sink of dead letters; see ``records``."""
        bucket = self.bucket(location)
        if bucket is not None:
            return _existing("dead_letters", bucket, ObjectSink(bucket, DEAD_LETTERS, letter_time))
        return _file("dead_letters", location, today)

    def lines(self, location: str, folder: str) -> Iterator[WrittenLine]:
        """The lines written to a location: a file; an object; a prefix that contains ``folder``;
        or a part of that folder, such as a day.

        Raises ``BadInput`` for a file or an object that doesn't exist or can't be read.
        """
        if not is_s3(location):
            return lines_of_file(Path(location))
        if location.endswith(SUFFIX):
            parent, _, name = location.rpartition("/")
            return lines_of_object(self._access(parent), name)
        return lines_of_folder(self._access(location), folder)

    def erase_lines(
        self, location: str, folder: str, covers: Callable[[bytes], bool]
    ) -> ErasedLines:
        """Remove the lines that ``covers`` selects from a location as in ``lines``; none if nothing
        exists there. Raises ``BadInput`` for a file or object that can't be read or written.
        """
        if not is_s3(location):
            return erase_in_file(Path(location), covers)
        if location.endswith(SUFFIX):
            parent, _, name = location.rpartition("/")
            lines = erase_in_object(self._access(parent), name, covers)
            return ErasedLines(lines, int(lines > 0))
        return erase_in_folder(self._access(location), folder, covers)

    @cached_property
    def _client(self) -> S3Client:
        return s3_client(
            region=self._region,
            endpoint=self._endpoint,
            threads=_THREADS,
            session=self._session or open_session(),
        )

    def _access(self, location: str) -> Access:
        return _patiently(bucket_at(self._client, location))


def check_state(location: str) -> None:
    """Raise ``Misconfigured`` if a state file can be neither opened nor created."""
    if is_s3(location):
        return
    path = Path(location)
    folder = path.absolute().parent
    try:
        if path.is_dir():
            raise Misconfigured(f"state: {location} is a folder, not a file")
        if not folder.is_dir():
            raise Misconfigured(f"state: can't use {location}: there is no folder {folder}")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise Misconfigured(f"state: can't use {location}: it can't be written")
    except OSError as error:
        raise Misconfigured(f"state: can't use {location}: {error.strerror}") from error


def is_one_file(location: str) -> bool:
    """Whether a location names a file or one object, in which line numbers are unique."""
    return not is_s3(location) or location.endswith(SUFFIX)


def _patiently(bucket: Bucket) -> Access:
    return patient_access(bucket, time.sleep, randomness.random)


def _existing(setting: str, bucket: Bucket, sink: ObjectSink) -> Sink:
    if sink.bucket_missing():
        raise Misconfigured(f"{setting} = {bucket.url}: there is no such bucket")
    return sink


def _file(setting: str, path: str, today: Callable[[], str] | None) -> Sink:
    with _of_setting(setting):
        return LineSink(path, today)


@contextmanager
def _of_setting(setting: str) -> Iterator[None]:
    try:
        yield
    except Misconfigured as error:
        raise Misconfigured(f"{setting}: {error}") from error
