"""Language, providers, voice and speech model in force at each event of a session."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from tests.oracle.decoding import ALLOWED_SETTINGS, Event

UNKNOWN = "unknown"
TUNING_SUFFIX = re.compile(r"-[0-9]+\.[0-9]+_[0-9]+\.[0-9]+_[0-9]+\.[0-9]+\Z")

# field -> its key in configurations.configurations
SPOKEN = {"tts_provider": "ttsProvider", "voice": "voice"}
HEARD = {"transcription_provider": "transcriptionProvider", "speech_model": "speechProvider"}


class Context:
    """What all configuration events up to some event in order tell.

    Two readings are the program's. A further ``configurations`` event starts over rather than
    adding to the one before. A side (spoken, heard) whose language an event leaves as it is keeps
    what it has; a side whose language changes has what that event or ``languages`` says of the
    new one, and else nothing, rather than what the language before had.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.languages: dict[str, Any] = {}
        self.settings: dict[str, str] = {}

    def take(self, event: Event) -> None:
        payload = event.payload or {}
        if event.name == "configurations":
            self.start_over(payload.get("languages", {}), payload.get("configurations", {}))
        elif event.name in ("language_changed", "language_info"):
            self.change("tts_language", payload, list(SPOKEN))
            self.change("transcription_language", payload, list(HEARD))

    def start_over(self, languages: dict[str, Any], own: dict[str, Any]) -> None:
        self.languages = languages
        self.settings = {
            key: own[key] if isinstance(own[key], str) else str(own[key]).lower()
            for key in (*ALLOWED_SETTINGS, "channel", "direction")  # the last two: Pinecall
            if own.get(key) is not None
        }
        for language, key, fields in (
            ("tts_language", "ttsLanguage", SPOKEN),
            ("transcription_language", "transcriptionLanguage", HEARD),
        ):
            code = normalised(language, own.get(key))
            self.values[language] = code
            entry = languages.get(code, {})
            for field, setting in fields.items():
                self.values[field] = own.get(setting) or entry.get(field)

    def change(self, language: str, own: dict[str, Any], fields: list[str]) -> None:
        """The event's own fields come before those of the language in force."""
        before = self.values.get(language, UNKNOWN)
        code = normalised(language, own.get(f"{language}_code") or before)
        entry = self.values if code == before else self.languages.get(code, {})
        self.values[language] = code
        for field in fields:
            self.values[field] = own.get(field) or entry.get(field)

    def normalised(self) -> dict[str, str]:
        return {
            field: normalised(field, self.values.get(field))
            for field in ("tts_language", "transcription_language", *SPOKEN, *HEARD)
        }


def normalised(field: str, value: Any) -> str:
    if not isinstance(value, str):
        return UNKNOWN
    if field.endswith("_provider"):
        value = value.lower().removeprefix("block_")
    if field == "voice":
        value = TUNING_SUFFIX.sub("", value)
    return value or UNKNOWN


IDENTIFYING = re.compile(
    r"\+\d[\d ()-]{6,}|\d{3}-\d{2}-\d{4}|(?:\d{4} ){3}\d{4}|\d{10,}|\S+@\S+\.\S+"
    r"|\d+\.\d+\.\d+\.\d+|://\S*\?|[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f]+|[A-Z]{2}[0-9a-f]{32}"
)


def dimension_of(value: str) -> str:
    """Printable ASCII, at most 255; what is changed shows it, and who is meant stays unknown.

    Which digest, that others become question marks, and that ``other`` and what looks like a
    digest get one are the program's choices.
    """
    if IDENTIFYING.search(value) or (len(value) > 64 and re.search(r"\s", value)):
        return "other"
    fit = "".join(c if " " <= c <= "~" else "?" for c in value).strip()
    taken = value == "other" or re.search(r"~[0-9a-f]{6}$", value)
    if fit == value and len(value) <= 255 and not taken:
        return value or UNKNOWN
    return f"{fit[:248].rstrip()}~{digest_of(value)}"


def digest_of(value: str) -> str:
    return hashlib.blake2b(value.encode(), digest_size=3).hexdigest()


def language_of(context: dict[str, str]) -> str:
    if context["tts_language"] != UNKNOWN:
        return context["tts_language"]
    return context["transcription_language"]
