"""Files with saved call logs of Pinecall, read as items. Shell.

A file holds a stream of events as it was received; pages of a log, as the interface answers them
or with the requests around them; or entries, or frames of the vendor's SDK with their arrival, one
JSON value per line or all in one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
from httpx_sse import EventSource

from worker.errors import BadInput
from worker.pinecall.answers import entry_of

LARGEST_FILE: Final = 256 << 20
_DEEPEST: Final = 4
_STREAM: Final = {"Content-Type": "text/event-stream"}
_UTF8_MARK: Final = b"\xef\xbb\xbf"


class LogEntry(NamedTuple):
    """A whole entry of a call's log, decoded."""

    entry: dict[str, Any]


class SdkFrame(NamedTuple):
    """A frame that the vendor's SDK passes on. ``arrival``: epoch ms, None if nobody noted it."""

    event: str
    data: object
    arrival: int | None


SavedItem = LogEntry | SdkFrame


def files_at(path: str) -> list[Path]:
    """Return the files at a path: the path itself, or the files in a folder, by name.

    Raises ``BadInput`` if there is nothing to read.
    """
    place = Path(path)
    if not place.is_dir():
        if not place.exists():
            raise BadInput(f"{path}: there is no such file or folder")
        return [place]
    found = sorted(one for one in place.iterdir() if one.is_file() and one.name[0] != ".")
    if not found:
        raise BadInput(f"{path}: an empty folder")
    return found


def items_of(path: Path) -> list[SavedItem]:
    """Return the items of a file: entries by their sequence numbers, then frames in their order.

    Raises ``BadInput`` for a file that can't be read, is larger than 256 MiB, or holds neither.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path}: larger than {LARGEST_FILE >> 20} MiB; split it")
        data = path.read_bytes().removeprefix(_UTF8_MARK)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    found = list(_of_json(data) if data.lstrip()[:1] in (b"[", b"{") else _of_stream(data))
    if not found:
        raise BadInput(f"{path}: holds no entries of a call's log, and no frames of the SDK")
    entries = [one for one in found if isinstance(one, LogEntry)]
    frames = [one for one in found if isinstance(one, SdkFrame)]
    return [*sorted(entries, key=_number), *frames]


def _number(item: LogEntry) -> int:
    number = item.entry.get("seq")
    return number if type(number) is int else 0


def _of_stream(data: bytes) -> Iterator[SavedItem]:
    answer = httpx.Response(200, headers=_STREAM, content=data)
    for frame in EventSource(answer).iter_sse():
        entry = entry_of(frame.data, frame.event, frame.id)
        decoded = _decoded(frame.data.encode()) if entry is None else _decoded(entry)
        if entry is not None and isinstance(decoded, dict):
            yield LogEntry(decoded)
        elif frame.event and isinstance(decoded, dict):
            yield SdkFrame(frame.event, decoded, None)


def _of_json(data: bytes) -> Iterator[SavedItem]:
    whole = _decoded(data)
    if whole is not None:
        yield from _within(whole, 0)
        return
    for line in data.splitlines():
        yield from _within(_decoded(line), 0)


def _within(value: object, depth: int) -> Iterator[SavedItem]:
    """Yield the items at those places of a JSON value where they may stand."""
    if isinstance(value, list):
        for one in value if depth < _DEEPEST else ():
            yield from _within(one, depth + 1)
    elif isinstance(value, dict):
        if "seq" in value and "type" in value and "data" in value:
            yield LogEntry(value)
        elif isinstance(value.get("event"), str) and "data" in value:
            yield SdkFrame(value["event"], value["data"], _arrival(value.get("arrival")))
        else:
            for name in ("entries", "frames", "body"):
                yield from _within(value.get(name), depth + 1)


def _arrival(value: object) -> int | None:
    """Return a noted arrival, in epoch seconds, as ms."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value * 1000) if 0 <= value < 1e11 else None


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
