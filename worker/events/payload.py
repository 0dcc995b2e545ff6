"""The canonical payloads: the contents of events of any platform, in the worker's own terms.

A platform translates its fields into these, once, when it decodes. A session's log holds each as an
array of its tag and its fields, in this order: both are permanent.

``said`` holds the platform's fields of the event, as canonical JSON, where the payload alone
doesn't determine them. It decides between two deliveries of one event that differ.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain
from typing import Final, Literal, get_args

import msgspec
from msgspec.structs import astuple

from worker.identifying import identifies_someone
from worker.metrics.dimension_values import UNKNOWN

InterruptionKind = Literal["SPEECH", "DTMF", "UNKNOWN"]
INTERRUPTION_KINDS: Final[tuple[InterruptionKind, ...]] = get_args(InterruptionKind)

EndStatus = Literal["ended", "hung_up", "failure", "unknown", "other"]
"""How a session ended: unknown if the platform doesn't report it, other if it reports another
status.
"""


class Latency(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A latency in ms as reported; None if it isn't an integer."""

    ms: int | None = None
    said: str | None = None


class Tokens(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """Tokens and words of a reply; None if not reported, -1 if the reported value isn't an
    integer.
    """

    tokens: int | None = None
    words: int | None = None
    said: str | None = None


class Interrupted(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """The cause of an interruption: speech, a key, or unknown."""

    kind: InterruptionKind = "UNKNOWN"
    said: str | None = None


class LanguageSettings(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A session's settings for one language; None if the platform doesn't report them."""

    tts_provider: str | None = None
    voice: str | None = None
    transcription_provider: str | None = None
    speech_model: str | None = None


class Configured(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """A session's configuration: the languages spoken and heard, the settings for these, and the
    settings for each further language, by its code.

    ``shown`` are the settings that the session's record shows, in its order. ``omitted_languages``:
    how many were beyond the platform's limit.
    """

    spoken: str = UNKNOWN
    heard: str = UNKNOWN
    settings: LanguageSettings = LanguageSettings()
    languages: dict[str, LanguageSettings] = {}
    omitted_languages: int = 0
    shown: dict[str, str] = {}
    said: str | None = None


class LanguageChanged(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    """The languages spoken and heard from now on, and the session's settings for them; None leaves
    a language unchanged.
    """

    spoken: str | None = None
    heard: str | None = None
    settings: LanguageSettings = LanguageSettings()
    said: str | None = None


class Failed(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    """An error: its code, a number or a text, and its message."""

    code: int | str | None = None
    message: str | None = None
    said: str | None = None


class WrapUp(msgspec.Struct, frozen=True, array_like=True, tag=7, gc=False):
    """A session's end: its duration in s, and how it ended, as reported and in common terms."""

    seconds: int | None = None
    status: str | None = None
    ending: EndStatus = "unknown"
    said: str | None = None


class TurnLatency(msgspec.Struct, frozen=True, array_like=True, tag=8, gc=False):
    """A platform's own figures of an answered turn, in ms; None for one that it doesn't give.

    ``end_of_turn``: end of the customer's speech to the turn's hand-over. ``application`` and
    ``response`` stand instead of what the turn rules would make of the turn.
    """

    end_of_turn: int | None = None
    application: int | None = None
    response: int | None = None
    said: str | None = None


class ToolCalled(msgspec.Struct, frozen=True, array_like=True, tag=9, gc=False):
    """A tool that was called, how long that took in ms, and whether it succeeded."""

    name: str | None = None
    ms: int | None = None
    ok: bool | None = None
    said: str | None = None


class HandedOff(msgspec.Struct, frozen=True, array_like=True, tag=10, gc=False):
    """A step of a hand-off to a human; ``step`` is None for one that begins and ends nothing."""

    step: Literal["begins", "ends"] | None = None
    said: str | None = None


class VendorSwitched(msgspec.Struct, frozen=True, array_like=True, tag=11, gc=False):
    """Another vendor serves a stage (speech to text, model, synthesis) from now on."""

    stage: str | None = None
    serving: str | None = None
    available: bool | None = None
    said: str | None = None


Payload = (
    Latency
    | Tokens
    | Interrupted
    | Configured
    | LanguageChanged
    | Failed
    | WrapUp
    | TurnLatency
    | ToolCalled
    | HandedOff
    | VendorSwitched
)


def canonical_json(payload: Payload | None) -> str:
    """Return a payload's contents as canonical JSON: keys sorted, no spaces; ``null`` without a
    payload.

    Where two deliveries of one event differ, the one with the greater text wins.
    """
    if payload is None:
        return "null"
    if payload.said is not None:
        return payload.said
    fields = ((name, getattr(payload, name)) for name in payload.__struct_fields__)
    return canonical(
        {name: value for name, value in fields if value is not None and name != "ending"}
    )


def canonical(value: object) -> str:
    """Return any JSON value as canonical JSON."""
    return _CANONICAL.encode(value)


_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=msgspec.to_builtins
)


def identifying_values(payload: Payload | None) -> int:
    """Return how many of a payload's texts that may become dimension values identify someone."""
    if isinstance(payload, Failed):
        return _identifying((str(payload.code),))
    if isinstance(payload, ToolCalled):
        return _identifying((payload.name,))
    if isinstance(payload, LanguageChanged):
        return _identifying((payload.spoken, payload.heard, *astuple(payload.settings)))
    if isinstance(payload, Configured):
        settings = (payload.settings, *payload.languages.values())
        return _identifying(
            (payload.spoken, payload.heard, *chain.from_iterable(map(astuple, settings)))
        )
    return 0


@lru_cache(maxsize=1024)  # mostly the texts of a few configurations
def _identifying(texts: tuple[str | None, ...]) -> int:
    return sum(text is not None and identifies_someone(text) for text in texts)
