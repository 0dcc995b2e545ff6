"""What is kept of the payloads of Pinecall's events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

Said = dict[str, Any]


def payload_of(name: str, value: Any) -> tuple[Said | None, str]:
    """The fields that are read, and the text that decides between two deliveries of one event.

    That text, with the names in it, is the program's.
    """
    if not isinstance(value, dict) or name not in FIELDS:
        return None, "null"
    if name == "configurations":
        own = value.get("configurations")
        kept = read(own if isinstance(own, dict) else {}, CONFIGURATION)
        return {"configurations": kept}, configured(kept)
    kept = read(value, FIELDS[name])
    if name.startswith("language"):
        return kept, changed(kept)
    if name == "handoff":
        return {"step": step_of(kept)}, handed(kept)
    return kept, compact({SAID[field]: one for field, one in kept.items() if field in SAID})


def read(value: Said, fields: dict[str, str]) -> Said:
    kept = {field: KINDS[kind](value.get(field)) for field, kind in fields.items()}
    return {field: one for field, one in kept.items() if one is not None}


def integer(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and -(2**63) <= value < 2**63 else None


def count(value: Any) -> int | None:
    if value is None:
        return None
    found = integer(value)
    return -1 if found is None else found


def text(value: Any) -> str | None:
    if not isinstance(value, str) or value == "":
        return None
    if len(value) <= 200:
        return value
    digest = hashlib.blake2b(value.encode(), digest_size=3).hexdigest()
    return f"{value[:193].rstrip()}~{digest}"


KINDS: dict[str, Callable[[Any], Any]] = {
    "integer": integer,
    "count": count,
    "text": text,
    "lower": lambda value: None if text(value) is None else str(text(value)).lower(),
    "flag": lambda value: value if isinstance(value, bool) else None,
    "kind": lambda value: value if value in ("SPEECH", "DTMF") else "UNKNOWN",
    "code": lambda value: integer(value) if isinstance(value, int) else text(value),
}
CONFIGURATION = {
    "ttsProvider": "lower",
    "voice": "text",
    "transcriptionProvider": "lower",
    "speechProvider": "text",
    "channel": "text",
    "direction": "text",
}
LANGUAGE = {
    "tts_provider": "lower",
    "voice": "text",
    "transcription_provider": "lower",
    "speech_model": "text",
    "tts_language_code": "text",
    "transcription_language_code": "text",
}
FIELDS = {
    "stt_latency": {"latency_ms": "integer"},
    "tts_latency": {"latency_ms": "integer"},
    "turn_latency": {"eou_ms": "integer", "application_ms": "integer", "response_ms": "integer"},
    "final_token_received": {"total_tokens": "count", "total_words": "count"},
    "interrupt": {"type": "kind"},
    "configurations": CONFIGURATION,
    "language_info": LANGUAGE,
    "language_changed": LANGUAGE,
    "error_event": {"error_code": "code"},
    "call_wrap_up": {"duration_in_seconds": "integer", "end_status": "text"},
    "tool_call": {"name": "text", "duration_ms": "integer", "ok": "flag"},
    "vendor_switched": {"stage": "text", "serving": "lower", "available": "flag"},
    "handoff": {"kind": "text", "mode": "text", "ok": "flag"},
}
SAID = {
    "latency_ms": "ms",
    "eou_ms": "end_of_turn",
    "application_ms": "application",
    "response_ms": "response",
    "total_tokens": "tokens",
    "total_words": "words",
    "type": "kind",
    "error_code": "code",
    "duration_in_seconds": "seconds",
    "end_status": "status",
    "name": "name",
    "duration_ms": "ms",
    "ok": "ok",
    "stage": "stage",
    "serving": "serving",
    "available": "available",
}


def compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def configured(kept: Said) -> str:
    names = ("ttsProvider", "voice", "transcriptionProvider", "speechProvider")
    return compact(
        {
            "spoken": "unknown",
            "heard": "unknown",
            "settings": [kept.get(name) for name in names],
            "languages": {},
            "omitted_languages": 0,
            "shown": {name: kept[name] for name in ("channel", "direction") if name in kept},
        }
    )


def changed(kept: Said) -> str:
    names = ("tts_provider", "voice", "transcription_provider", "speech_model")
    codes = {
        "spoken": kept.get("tts_language_code"),
        "heard": kept.get("transcription_language_code"),
    }
    settings = {"settings": [kept.get(name) for name in names]}
    return compact({**{name: code for name, code in codes.items() if code}, **settings})


def step_of(kept: Said) -> str | None:
    kind = kept.get("kind", "").rpartition(".")[2]
    if kind == "took_over" or (kind == "transferred" and kept.get("ok") is True):
        return "begins"
    return "ends" if kind == "released" else None


def handed(kept: Said) -> str:
    kind = kept.get("kind", "").rpartition(".")[2]
    said = {"kind": kind, "mode": kept.get("mode"), "ok": kept.get("ok")}
    return compact({name: one for name, one in said.items() if one})
