"""A Kinesis stream as an engine: described once at the start, then opened at a state's positions.
Shell.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.sources.kinesis.api import KinesisApi
from worker.sources.kinesis.inline import InlineSource
from worker.sources.kinesis.lineage import StreamDescription, first_positions
from worker.sources.kinesis.reader import Reader, ReaderObserver
from worker.sources.source import Opening
from worker.stream.position import Position, Start
from worker.times.rfc3339 import format_ms


class KinesisEngine:
    """An ``Engine``. ``description``: the stream as ``describe_stream`` found it; a state without
    positions begins at ``start``. ``observer``: see ``Reader``.
    """

    def __init__(
        self,
        api: KinesisApi,
        description: StreamDescription,
        start: Start,
        observer: ReaderObserver,
    ) -> None:
        self._api = api
        self._description = description
        self._start = start
        self._observer = observer

    @property
    def identity(self) -> str:
        """The stream's ARN and creation time."""
        return f"{self._description.arn}, created {format_ms(self._description.created)}"

    def open(self, stored: Mapping[str, Position]) -> Opening:
        """See ``Engine.open``."""
        positions = stored or first_positions(self._description, self._start)
        reader = Reader(self._api, positions, self._description.created, self._observer)
        return Opening(InlineSource(reader), positions)
