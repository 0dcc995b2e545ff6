"""The configuration in force at each point of a session: languages, providers, voice, model.

It is a function of all configuration events up to that point, in order. ``configurations``
sets the initial values and, per language code, what each language uses; ``language_changed``
and ``language_info`` change the language, and their own fields go before that table.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from worker.events.event import Payload

UNKNOWN: Final = "unknown"

_TUNING: Final = re.compile(r"-\d+\.\d+_\d+\.\d+_\d+\.\d+$", re.ASCII)
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_LONGEST: Final = 255


class Context(NamedTuple):
    """What was in force; ``unknown`` where the events don't tell. Values are normalised."""

    tts_language: str = UNKNOWN
    transcription_language: str = UNKNOWN
    tts_provider: str = UNKNOWN
    voice: str = UNKNOWN
    transcription_provider: str = UNKNOWN
    speech_model: str = UNKNOWN

    @property
    def language(self) -> str:
        """The language spoken, failing that the language heard."""
        return self.transcription_language if self.tts_language == UNKNOWN else self.tts_language


NOWHERE: Final = Context()
"""Before any configuration."""


def plain(value: object) -> str:
    """A value fit for a dimension: printable ASCII, at most 255 characters, never empty."""
    return _plain(value) if isinstance(value, str) else UNKNOWN


@lru_cache(maxsize=1024)  # of texts that decoding has bounded, mostly the same few
def _plain(text: str) -> str:
    return _UNPRINTABLE.sub("?", text).strip()[:_LONGEST].rstrip() or UNKNOWN


def provider(value: object) -> str:
    """A provider in lower case, without the prefix of Twilio's own building blocks."""
    return _provider(value) if isinstance(value, str) else UNKNOWN


@lru_cache(maxsize=1024)
def _provider(text: str) -> str:
    return _plain(text).lower().removeprefix("block_") or UNKNOWN


def voice(value: object) -> str:
    """A voice as it is, but for a tuning suffix (``-1.0_0.7_0.8``)."""
    return _voice(value) if isinstance(value, str) else UNKNOWN


@lru_cache(maxsize=1024)
def _voice(text: str) -> str:
    return _TUNING.sub("", _plain(text)) or UNKNOWN


class ContextWalk:
    """Follows a session's configuration events in order; ``current`` is what is in force."""

    __slots__ = ("_languages", "current")

    def __init__(self) -> None:
        self._languages: dict[str, Any] = {}
        self.current = NOWHERE

    def configurations(self, payload: Payload) -> None:
        """Start over from a ``configurations`` event."""
        own = payload.get("configurations") or {}
        self._languages = payload.get("languages") or {}
        spoken, heard = plain(own.get("ttsLanguage")), plain(own.get("transcriptionLanguage"))
        speaking, hearing = self._language(spoken), self._language(heard)
        self.current = Context(
            spoken,
            heard,
            provider(own.get("ttsProvider") or speaking.get("tts_provider")),
            voice(own.get("voice") or speaking.get("voice")),
            provider(own.get("transcriptionProvider") or hearing.get("transcription_provider")),
            plain(own.get("speechProvider") or hearing.get("speech_model")),
        )

    def language(self, payload: Payload) -> None:
        """Take over a ``language_changed`` or ``language_info`` event.

        A side whose language stays keeps what it has; one whose language changes has what
        the event or the table says of the new language, and nothing of the old one.
        """
        now = self.current
        spoken = plain(payload.get("tts_language_code") or now.tts_language)
        heard = plain(payload.get("transcription_language_code") or now.transcription_language)
        speaking = self._entry(spoken, now.tts_language)
        hearing = self._entry(heard, now.transcription_language)
        self.current = Context(
            spoken,
            heard,
            provider(payload.get("tts_provider") or speaking.get("tts_provider")),
            voice(payload.get("voice") or speaking.get("voice")),
            provider(
                payload.get("transcription_provider") or hearing.get("transcription_provider")
            ),
            plain(payload.get("speech_model") or hearing.get("speech_model")),
        )

    def _entry(self, code: str, before: str) -> dict[str, Any]:
        return self.current._asdict() if code == before else self._language(code)

    def _language(self, code: str) -> dict[str, Any]:
        entry = self._languages.get(code)
        return entry if isinstance(entry, dict) else {}
