"""Voice platforms, which convert their CloudEvents to canonical events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from worker.errors import Unreadable
from worker.events.cloud_event import parse_failure, type_of
from worker.events.occurrence import TYPE_LENGTH, Damaged, Ignored, Occurrence

FastPath = Callable[[bytes, int], Occurrence | None]


class Platform(NamedTuple):
    """One voice platform, by the ``types`` of its CloudEvents.

    ``read`` decodes a CloudEvent of one of these types, given as text, with its arrival in epoch
    ms; it accepts whatever can be understood, and raises ``Unreadable`` for the rest.

    ``read_quickly``, if there is one, accepts any bytes, and returns the same as ``read``,
    ``Ignored`` for a CloudEvent of a type that isn't the platform's, or None where only ``read``
    can decide. It never raises.
    """

    name: str
    types: frozenset[str]
    read: Callable[[str, int], Occurrence]
    read_quickly: FastPath | None = None


class Platforms:
    """The platforms whose events are decoded."""

    def __init__(self, *platforms: Platform) -> None:
        """Raises ``ValueError`` if two platforms have a type in common."""
        self._by_type: dict[str, Platform] = {}
        for platform in platforms:
            for kind in platform.types:
                if self._by_type.setdefault(kind, platform) is not platform:
                    raise ValueError(f"{platform.name} and another platform have the type {kind}")
        self._fast = [
            (platform.read_quickly, self._by_type.keys() - platform.types)
            for platform in platforms
            if platform.read_quickly is not None
        ]
        only_one = len(platforms) == len(self._fast) == 1
        self.read_quickly: Final[FastPath] = self._fast[0][0] if only_one else self._quickest
        """Return the occurrence in the bytes of one CloudEvent; None where only ``read`` can
        decide. ``arrival`` in epoch ms.
        """

    def read(self, data: bytes, arrival: int) -> Occurrence:
        """Return the occurrence in the bytes of one CloudEvent, ``Damaged`` if they can't be read.

        ``arrival`` in epoch ms.
        """
        if not data:
            return Damaged("empty")
        try:
            text = data.decode()
            kind = type_of(text)
            platform = self._by_type.get(kind)
            return Ignored(kind[:TYPE_LENGTH]) if platform is None else platform.read(text, arrival)
        except (UnicodeDecodeError, Unreadable) as error:
            return Damaged(parse_failure(error))

    def _quickest(self, data: bytes, arrival: int) -> Occurrence | None:
        """Return the occurrence of the first platform that recognizes the event."""
        for read_quickly, others in self._fast:
            occurrence = read_quickly(data, arrival)
            if isinstance(occurrence, Ignored) and occurrence.type in others:
                continue
            if occurrence is not None:
                return occurrence
        return None
