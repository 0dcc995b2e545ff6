"""The occurrences that a user record may hold. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from worker.events.event import Event

TYPE_LENGTH: Final = 128


class Ignored(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=2):
    """A readable CloudEvent that carries no ConversationRelay event."""

    type: str


class SinkTest(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=3):
    """The event by which a sink is validated; ``test_id`` must be posted back."""

    test_id: str


class Damaged(msgspec.Struct, frozen=True, array_like=True, tag_field="kind", tag=4):
    """An occurrence that can't be read, with the reason."""

    reason: str


Occurrence = Event | Ignored | SinkTest | Damaged
