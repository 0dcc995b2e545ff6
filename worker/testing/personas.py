"""The agents of simulated calls, with their languages, voices, recognisers and speeds.

Settings have the form in which ConversationRelay reports them: strings in mixed case, a ``block_``
prefix before some providers, a tuning suffix after some voices.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Language(NamedTuple):
    """A language of an agent; medians are in milliseconds."""

    code: str
    tts_provider: str
    voice: str
    transcription_provider: str
    speech_model: str
    stt_median_ms: int
    tts_median_ms: int


class Persona(NamedTuple):
    """An agent. ``languages``: its initial language first. ``reply_median_ms``: to first token."""

    weight: int
    languages: tuple[Language, ...]
    reply_median_ms: int
    settings: dict[str, str]

    def configurations(self) -> dict[str, object]:
        """The payload of the agent's ``configurations`` event."""
        first = self.languages[0]
        return {
            "configurations": {
                "voice": first.voice,
                "ttsProvider": first.tts_provider,
                "transcriptionProvider": first.transcription_provider,
                "speechProvider": first.speech_model,
                "transcriptionLanguage": first.code,
                "ttsLanguage": first.code,
                **self.settings,
            },
            "languages": {
                language.code: {
                    "tts_provider": language.tts_provider,
                    "voice": language.voice,
                    "transcription_provider": language.transcription_provider,
                    "speech_model": language.speech_model,
                }
                for language in self.languages
            },
        }


_INTERRUPT_OPTIONS: Final = (
    "InterruptOptions{interruptConfidenceThreshold=0.8, ignoreBackchannelForInterrupt=false, "
    "interruptCheckThresholdType=by-chars, interruptInputLengthThreshold=5}"
)
_US_ENGLISH: Final = Language(
    "en-US",
    "block_elevenlabs",
    "Qm4tKx0vPzL2bWn8cRyF-1.0_0.7_0.8",
    "deepgram",
    "nova-3-general",
    118,
    145,
)
_US_SPANISH: Final = Language(
    "es-US",
    "block_elevenlabs",
    "Hs7dUe3jAqT9gVk1oXiB-0.9_0.7_0.8",
    "deepgram",
    "nova-2-general",
    140,
    160,
)

PERSONAS: Final[tuple[Persona, ...]] = (
    Persona(
        5,
        (_US_ENGLISH, _US_SPANISH),
        520,
        {
            "welcomeGreetingInterruptible": "TRUE",
            "interruptible": "TRUE",
            "preemptible": "FALSE",
            "partialPrompts": "false",
            "partialPromptOnHangup": "false",
            "dtmfDetection": "true",
            "reportInputDuringAgentSpeech": "NONE",
            "speechTimeout": "0",
            "interruptOptions": _INTERRUPT_OPTIONS,
            "debug": "[SPEAKER_EVENT_REPORT]",
        },
    ),
    Persona(
        2,
        (
            Language(
                "en-GB",
                "Google",
                "en-GB-Chirp3-HD-Aoede",
                "Google",
                "telephony",
                190,
                110,
            ),
        ),
        640,
        {
            "welcomeGreetingInterruptible": "speech",
            "interruptible": "any",
            "preemptible": "true",
            "dtmfDetection": "TRUE",
            "reportInputDuringAgentSpeech": "any",
        },
    ),
    Persona(
        1,
        (
            Language(
                "de-DE",
                "amazon",
                "Vicki-Generative",
                "Deepgram",
                "nova-3-general",
                125,
                100,
            ),
            _US_ENGLISH,
        ),
        430,
        {"interruptible": "FALSE", "preemptible": "FALSE", "dtmfDetection": "false"},
    ),
)
