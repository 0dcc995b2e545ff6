"""The configuration in force at each point of a session: languages, providers, voice, model.

It is a function of all configuration events up to that point, in order. ``configurations``
sets the initial values and, per language code, what each language uses; ``language_changed``
and ``language_info`` change the language, and their own fields go before that table.
"""

from __future__ import annotations

from typing import Final

import msgspec

from worker.events.payload import Configured, LanguageChanged, LanguageSettings
from worker.metrics.dimension_values import UNKNOWN


class Context(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The configuration in force, as reported; ``unknown`` where the events don't say."""

    tts_language: str = UNKNOWN
    transcription_language: str = UNKNOWN
    tts_provider: str = UNKNOWN
    voice: str = UNKNOWN
    transcription_provider: str = UNKNOWN
    speech_model: str = UNKNOWN

    @property
    def language(self) -> str:
        """The language spoken or, if unknown, the language heard."""
        return self.transcription_language if self.tts_language == UNKNOWN else self.tts_language


NOWHERE: Final = Context()
"""The context before any configuration."""


class ContextWalk:
    """Follows a session's configuration events in order; ``current`` is what is in force."""

    __slots__ = ("_languages", "current")

    def __init__(self) -> None:
        self._languages: dict[str, LanguageSettings] = {}
        self.current = NOWHERE

    def configured(self, payload: Configured) -> None:
        """Start over from a ``configurations`` event."""
        self._languages = payload.languages
        spoken, heard, own = payload.spoken, payload.heard, payload.settings
        self.current = _context(spoken, heard, own, self._language(spoken), self._language(heard))

    def language_changed(self, payload: LanguageChanged) -> None:
        """Apply a ``language_changed`` or ``language_info`` event.

        A side whose language stays keeps its settings; one whose language changes takes the event's
        or the table's settings of the new language, and none of the old one's.
        """
        now = self.current
        spoken = payload.spoken or now.tts_language
        heard = payload.heard or now.transcription_language
        speaking = self._entry(spoken, now.tts_language)
        hearing = self._entry(heard, now.transcription_language)
        self.current = _context(spoken, heard, payload.settings, speaking, hearing)

    def _entry(self, code: str, before: str) -> LanguageSettings | Context:
        return self.current if code == before else self._language(code)

    def _language(self, code: str) -> LanguageSettings:
        return self._languages.get(code, _NOTHING)


_NOTHING: Final = LanguageSettings()


def _context(
    spoken: str,
    heard: str,
    own: LanguageSettings,
    speaking: LanguageSettings | Context,
    hearing: LanguageSettings | Context,
) -> Context:
    """Combine settings; the event's own precede those known of each side's language."""
    return Context(
        spoken,
        heard,
        own.tts_provider or speaking.tts_provider or UNKNOWN,
        own.voice or speaking.voice or UNKNOWN,
        own.transcription_provider or hearing.transcription_provider or UNKNOWN,
        own.speech_model or hearing.speech_model or UNKNOWN,
    )
