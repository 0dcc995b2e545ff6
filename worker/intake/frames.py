"""What the worker and the process that reads for it tell each other: msgpack, a frame a message.

Both are of one release and one machine, so frames have no version.
"""

from __future__ import annotations

from typing import Final

import msgspec

from worker.sources.kinesis.notices import BackedOff, FoundAgain, StageChanged
from worker.sources.source import Intake
from worker.stream.position import Position


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the process is told first; all of it as ``connect`` and ``Reader`` have it."""

    stream: str
    region: str | None
    endpoint: str | None
    positions: dict[str, Position]
    created: int


class Pause(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Order: read nothing more of these shards."""

    shards: list[str]


class Resume(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Order: go on with these shards."""

    shards: list[str]


class Forgotten(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """These ended shards have left the stream."""

    shards: list[str]


class ParsedSlowly(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """So many answers, so far, were parsed by botocore itself."""

    answers: int


class Replaced(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The last frame: the stream was made anew under its name, as ``detail`` says."""

    detail: str


class Broken(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The last frame: a defect ended the reading, as ``detail`` says."""

    detail: str


Order = Pause | Resume
"""From the worker to the process, after ``Begin``."""

Notice = StageChanged | BackedOff | FoundAgain | ParsedSlowly
Frame = Intake | Forgotten | Notice | Replaced | Broken
"""From the process to the worker."""

encode: Final = msgspec.msgpack.Encoder().encode
decode_begin: Final = msgspec.msgpack.Decoder(Begin).decode
decode_order: Final = msgspec.msgpack.Decoder(Order).decode
decode_frame: Final = msgspec.msgpack.Decoder(Frame).decode
