"""Language, providers, voice and speech model in force at each event of a session."""

from __future__ import annotations

import re
from typing import Any

from tests.oracle.decoding import Event

UNKNOWN = "unknown"
TUNING_SUFFIX = re.compile(r"-[0-9]\.[0-9]_[0-9]\.[0-9]_[0-9]\.[0-9]$")

# field -> (key in configurations.configurations, key in languages[code] and in the event itself,
#           which language decides)
FIELDS = {
    "tts_provider": ("ttsProvider", "tts_provider", "tts_language"),
    "voice": ("voice", "voice", "tts_language"),
    "transcription_provider": (
        "transcriptionProvider",
        "transcription_provider",
        "transcription_language",
    ),
    "speech_model": ("speechProvider", "speech_model", "transcription_language"),
}
CODES = {
    "tts_language": ("ttsLanguage", "tts_language_code"),
    "transcription_language": ("transcriptionLanguage", "transcription_language_code"),
}
ALLOWED_SETTINGS = (
    "interruptible",
    "preemptible",
    "welcomeGreetingInterruptible",
    "partialPrompts",
    "partialPromptOnHangup",
    "dtmfDetection",
    "reportInputDuringAgentSpeech",
    "speechTimeout",
    "interruptOptions",
)


class Context:
    """What all configuration events up to some event in order tell."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}  # as sent
        self.languages: dict[str, Any] = {}
        self.settings: dict[str, str] = {}

    def take(self, event: Event) -> None:
        payload = event.payload if isinstance(event.payload, dict) else {}
        if event.name == "configurations":
            self.languages |= objects_of(payload.get("languages"))
            own = strings_of(payload.get("configurations"))
            self.settings |= {key: own[key] for key in ALLOWED_SETTINGS if key in own}
            self.change(own, 0)
        elif event.name in ("language_changed", "language_info"):
            self.change(strings_of(payload), 1)

    def change(self, own: dict[str, str], column: int) -> None:
        """The event's own fields come before those of the language in force."""
        for code, names in CODES.items():
            if names[column] in own:
                self.values[code] = own[names[column]]
        for field, keys in FIELDS.items():
            language = self.languages.get(self.values.get(keys[2], ""), {})
            if keys[column] in own:
                self.values[field] = own[keys[column]]
            elif keys[1] in language:
                self.values[field] = language[keys[1]]

    def normalised(self) -> dict[str, str]:
        result = {}
        for field in (*CODES, *FIELDS):
            value = self.values.get(field, "")
            if field.endswith("_provider"):
                value = value.lower().removeprefix("block_")
            if field == "voice":
                value = TUNING_SUFFIX.sub("", value)
            result[field] = printable(value) or UNKNOWN
        return result


def language_of(context: dict[str, str]) -> str:
    if context["tts_language"] != UNKNOWN:
        return context["tts_language"]
    return context["transcription_language"]


def printable(value: str) -> str:
    return "".join(character for character in value if " " <= character <= "~")[:255]


def strings_of(value: Any) -> dict[str, str]:
    """The fields of an object that are strings and not empty."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if isinstance(item, str) and item}


def objects_of(value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        return {}
    return {key: strings_of(item) for key, item in value.items() if isinstance(item, dict)}
