"""The providers of transcription and speech in a call, and its language, by its log. Pure.

Each event repeats all that is known, since a field that an event leaves out counts as unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from worker.events.pinecall.cloud_event import WireLanguage
from worker.pinecall.mapping.derived import Derived
from worker.pinecall.mapping.values import named


class Providers:
    """The providers and the language known so far."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._language: str | None = None

    def transcribing(self, slot: int, at: int, meta: dict[str, Any]) -> Iterator[Derived]:
        """Give the provider of transcription, if it is new; ``at``: epoch ms."""
        provider, model = named(meta.get("model_provider")), named(meta.get("model_name"))
        return self._learn(slot, at, transcription_provider=provider, speech_model=model)

    def speaking(self, slot: int, at: int, meta: dict[str, Any]) -> Iterator[Derived]:
        """Give the provider of speech, if it is new; ``at``: epoch ms."""
        provider, model = named(meta.get("model_provider")), named(meta.get("model_name"))
        return self._learn(slot, at, tts_provider=provider, voice=model)

    def language(self, slot: int, at: int, language: str | None) -> Iterator[Derived]:
        """Give the customer's language, if it is new; ``at``: epoch ms."""
        if language is not None and language != self._language:
            name = "language_info" if self._language is None else "language_changed"
            self._language = language
            yield Derived(slot, name, at, payload=self._part())

    def _learn(self, slot: int, at: int, **said: str | None) -> Iterator[Derived]:
        new = {name: value for name, value in said.items() if value is not None}
        if new.items() - self._known.items():
            self._known |= new
            yield Derived(slot, "language_info", at, payload=self._part())

    def _part(self) -> WireLanguage:
        known = dict(self._known)
        if self._language is not None:
            known["transcription_language_code"] = self._language
        return WireLanguage(**known)
