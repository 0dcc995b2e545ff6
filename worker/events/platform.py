"""Voice platforms, which convert their CloudEvents to canonical events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeGuard

from worker.errors import Unreadable
from worker.events.cloud_event import parse_failure, type_of
from worker.events.occurrence import TYPE_LENGTH, Damaged, Ignored, Occurrence

FastPath = Callable[[bytes, int], Occurrence | None]
SessionPath = Callable[[bytes], str | None]


class Platform(NamedTuple):
    """One voice platform, by the ``types`` of its CloudEvents.

    ``read`` decodes a CloudEvent of one of these types, given as text, with its arrival in epoch
    ms; it accepts whatever can be understood, and raises ``Unreadable`` for the rest.

    ``read_quickly``, if there is one, accepts any bytes, and returns the same as ``read``,
    ``Ignored`` for a CloudEvent of a type that isn't the platform's, or None where only ``read``
    can decide. It never raises.

    ``session_quickly``, if there is one, accepts any bytes, and returns the session id that an
    event in the bytes of one CloudEvent of the platform has, if they hold one; None where only
    decoding can tell. It never raises.

    ``unmarked``: whether the series of its sessions go without the dimension Platform. A metric
    means different things on different platforms, so that no two platforms share a series.
    ``names_agents``: whether the account of a session's key is ``account/agent``.
    """

    name: str
    types: frozenset[str]
    read: Callable[[str, int], Occurrence]
    read_quickly: FastPath | None = None
    unmarked: bool = False
    names_agents: bool = False
    session_quickly: SessionPath | None = None


class Platforms:
    """The platforms whose events are decoded."""

    def __init__(self, *platforms: Platform) -> None:
        """Raises ``ValueError`` if two platforms have a type in common."""
        self._by_type: dict[str, Platform] = {}
        for platform in platforms:
            for kind in platform.types:
                if self._by_type.setdefault(kind, platform) is not platform:
                    raise ValueError(f"{platform.name} and another platform have the type {kind}")
        self.unmarked: Final = frozenset(one.name for one in platforms if one.unmarked)
        """The names of the platforms whose series go without the dimension Platform."""
        self.marked: Final = frozenset(one.name for one in platforms if not one.unmarked)
        """The names of the other platforms."""
        self._with_agents: Final = frozenset(one.name for one in platforms if one.names_agents)
        self._fast = [
            (platform.read_quickly, self._by_type.keys() - platform.types)
            for platform in platforms
            if platform.read_quickly is not None
        ]
        only_one = len(self._fast) == 1
        self.read_quickly: Final[FastPath] = self._fast[0][0] if only_one else self._quickest
        """Return the occurrence in the bytes of one CloudEvent; None where only ``read`` can
        decide. ``arrival`` in epoch ms. Whether the result is final, ``settled`` says.
        """
        self._others: Final = self._fast[0][1] if only_one else frozenset[str]()
        self._session_paths: Final = [
            platform.session_quickly
            for platform in platforms
            if platform.session_quickly is not None
        ]

    def account_and_agent(self, platform: str, whole: str) -> tuple[str, str]:
        """Return the account and the agent of a session key's account on a platform; the agent is
        empty if none is named.
        """
        if platform not in self._with_agents:
            return whole, ""
        account, _, agent = whole.partition("/")
        return account, agent

    def session_quickly(self, data: bytes) -> str | None:
        """Return the session id that an event in the bytes of one CloudEvent has, if they hold one;
        None where only decoding can tell.
        """
        for session_of in self._session_paths:
            if (session := session_of(data)) is not None:
                return session
        return None

    def settled(self, occurrence: Occurrence | None) -> TypeGuard[Occurrence]:
        """Whether a result of ``read_quickly`` is final: it also ignores the CloudEvents of
        platforms that only ``read`` decodes.
        """
        if isinstance(occurrence, Ignored):
            return occurrence.type not in self._others
        return occurrence is not None

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
