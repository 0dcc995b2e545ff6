"""The output files of a replay."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

import msgspec

from worker.destinations.cloudwatch.datums import groups
from worker.errors import Misconfigured
from worker.events.event import SessionKey
from worker.partition import dead_letters
from worker.partition.commit_outputs import Outputs
from worker.private_files import owner_only
from worker.recordings.files import STANDARD_INPUT, shard_of_file
from worker.times.rfc3339 import format_ms


class Paths(NamedTuple):
    """The destination of each output: a path, ``-`` for standard output, None for nowhere."""

    sessions: str | None
    metrics: str | None
    dead_letters: str | None
    counters: str | None


class ReplayFiles:
    """The output files of a replay; all are opened before anything is read.

    An existing file is overwritten only after all could be opened. Raises ``Misconfigured`` if a
    file can't be opened, would overwrite a file of ``recording`` or become one, or is named twice.
    """

    def __init__(self, namespace: str, paths: Paths, recording: str) -> None:
        self._namespace = namespace
        self._stack = ExitStack()
        self._own: list[IO[bytes]] = []
        self._last: dict[tuple[SessionKey, int], bytes] = {}
        _refuse_clashes(paths, recording)
        with ExitStack() as opening:
            opening.push(self._stack)
            self._sessions = self._opened(paths.sessions)
            self._metrics = self._opened(paths.metrics)
            self._dead_letters = self._opened(paths.dead_letters)
            self._counters = self._opened(paths.counters)
            opening.pop_all()
        for file in self._own:
            _empty(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _opened(self, path: str | None) -> IO[bytes] | None:
        if path is None:
            return None
        if path == "-":
            return sys.stdout.buffer
        try:
            file: IO[bytes] = open(path, "ab", opener=owner_only)  # noqa: SIM115
        except OSError as error:
            raise Misconfigured(f"can't write {path}: {error.strerror}") from error
        self._own.append(self._stack.enter_context(file))
        return file

    def take(self, outputs: Outputs) -> None:
        """Write datums and dead letters; keep records until no further revision can come."""
        if self._sessions is not None:
            for record in outputs.records:
                self._last[record.key, record.continued] = record.line
        if self._metrics is not None:
            for group in groups(outputs.window):
                for datum in group:
                    stamp = format_ms(datum["Timestamp"] * 1000)
                    line = msgspec.json.encode(
                        {"Namespace": self._namespace, **datum, "Timestamp": stamp}
                    )
                    self._metrics.write(line + b"\n")
        if self._dead_letters is not None:
            for letter in outputs.dead_letters:
                self._dead_letters.write(dead_letters.encode_letter(letter) + b"\n")

    def finish(self, counters: Mapping[str, int]) -> None:
        """Write the last revision of each session, and the counters."""
        if self._sessions is not None:
            for life in sorted(self._last):
                self._sessions.write(self._last[life] + b"\n")
        if self._counters is not None:
            self._counters.write(msgspec.json.encode(dict(sorted(counters.items()))) + b"\n")


def _empty(file: IO[bytes]) -> None:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.truncate(0)


def _refuse_clashes(paths: Paths, recording: str) -> None:
    taken: set[Path] = set()
    for path in paths:
        if path in (None, "-"):
            continue
        place = Path(str(path)).resolve()
        if place.exists() and not place.is_file():
            continue  # a device or a pipe can take several outputs
        if place in taken:
            raise Misconfigured(f"{path}: named for two outputs")
        if recording != STANDARD_INPUT and _is_of(place, Path(recording).resolve()):
            raise Misconfigured(f"{path}: belongs to the recording; name a file elsewhere")
        taken.add(place)


def _is_of(place: Path, recording: Path) -> bool:
    """Whether a file is part of the recording, or would be at the next replay of it."""
    if recording.is_dir():
        return place.parent == recording and shard_of_file(place.name) is not None
    return place == recording
