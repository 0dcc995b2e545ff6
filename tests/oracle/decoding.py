"""From Kinesis records to events, and where everything else goes.

Where the definitions leave a tolerance open, this follows the program; each such place says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from aws_kinesis_agg.deaggregator import messages_pb2

from tests.oracle.pinecall import payload_of as pinecall_payload_of
from worker.stream.record import Record

GATEWAY = "com.twilio.voice.insights.call-event.gateway"
TEST_EVENT = "com.twilio.eventstreams.test-event"
PINECALL = "com.voiceinsights.pinecall.call-event"
MAGIC = b"\xf3\x89\x9a\xc2"
HOUR_MS = 3_600_000

# event name -> key of its payload
PAYLOAD_KEYS = {
    "stt_latency": "stt_latency",
    "tts_latency": "tts_latency",
    "interrupt": "interrupt",
    "final_token_received": "last_token_received",
    "configurations": "configurations",
    "language_changed": "language_changed",
    "language_info": "language_info",
    "call_wrap_up": "call_wrap_up",
    "error_event": "error",
}
# The second alias is the program's: nothing says that a payload's key may serve as a name.
ALIASES = {"error": "error_event", "last_token_received": "final_token_received"}

ENGINE_FIELDS = ("tts_provider", "voice", "transcription_provider", "speech_model")
LANGUAGE_FIELDS = (*ENGINE_FIELDS, "tts_language_code", "transcription_language_code")
# event name -> the fields that are read; what else a payload holds makes no difference
FIELDS = {
    "stt_latency": ("latency_ms",),
    "tts_latency": ("latency_ms",),
    "interrupt": ("type",),
    "final_token_received": ("total_tokens", "total_words"),
    "language_changed": LANGUAGE_FIELDS,
    "language_info": LANGUAGE_FIELDS,
    "call_wrap_up": ("duration_in_seconds", "end_status"),
    "error_event": ("error_code", "message"),
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
    "turnDetection",
    "echoPromptFiltering",
    "applicationReconnect",
    "ignoreBackchannel",
    "interruptSensitivity",
    "eagerEotThreshold",
    "backgroundNoiseReduction",
)
SETTINGS = (
    *ALLOWED_SETTINGS,
    *("ttsProvider", "voice", "transcriptionProvider", "speechProvider"),
    *("ttsLanguage", "transcriptionLanguage"),
)


class Link(NamedTuple):
    """What an event of Pinecall says of its place. ``text`` decides between two payloads."""

    turn: int | None
    previous: int | None
    guessed: bool
    agent: str
    text: str


class Event(NamedTuple):
    """One ConversationRelay occurrence; ``timestamp`` and ``arrival`` in epoch ms."""

    platform: str
    account_sid: str
    call_sid: str
    session_id: str
    sequence_number: int
    name: str
    timestamp: int
    payload: Any
    arrival: int
    link: Link | None = None

    @property
    def session_key(self) -> tuple[str, str, str, str]:
        return (self.platform, self.account_sid, self.call_sid, self.session_id)

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.session_key, self.sequence_number, self.name, self.timestamp)

    @property
    def order(self) -> tuple[int, int, str]:
        return (self.timestamp, self.sequence_number, self.name)


class Unreadable(Exception):
    """The occurrence is a dead letter."""


class Decoded(NamedTuple):
    """All occurrences of some records: the events, and how many were something else."""

    occurrences: int
    test_events: int
    ignored: int
    dead_letters: int
    events: list[Event]


def decode_all(records: list[Record]) -> Decoded:
    occurrences = test_events = ignored = dead_letters = 0
    events = []
    for record in records:
        for user_record in user_records(record.data):
            for item in items_of(user_record):
                occurrences += 1
                try:
                    result = classify(item, record.arrival)
                except Unreadable:
                    dead_letters += 1
                    continue
                if result == "test event":
                    test_events += 1
                elif result == "ignored":
                    ignored += 1
                else:
                    assert isinstance(result, Event)
                    events.append(result)
    return Decoded(occurrences, test_events, ignored, dead_letters, events)


def user_records(data: bytes) -> list[bytes]:
    """A plain record is its own user record; so is a broken aggregate, which nobody can read."""
    if not data.startswith(MAGIC):
        return [data]
    body, digest = data[4:-16], data[-16:]
    if len(data) < 20 or hashlib.md5(body).digest() != digest:
        return [data]
    message = messages_pb2.AggregatedRecord()
    try:
        message.ParseFromString(body)
    except Exception:
        return [data]
    # an aggregate of nothing counts as one unreadable occurrence: the program's reading
    return [sub_record.data for sub_record in message.records] or [data]


NOT_JSON = object()


def items_of(user_record: bytes) -> list[Any]:
    """The CloudEvents of a user record; an unreadable or empty one is one occurrence."""
    try:
        values = parse_all(user_record.decode("utf-8"))
    except (UnicodeDecodeError, Unreadable):
        return [NOT_JSON]
    if len(values) == 1 and isinstance(values[0], list):
        return values[0] or [NOT_JSON]
    return values or [NOT_JSON]


def parse_all(text: str) -> list[Any]:
    """Every JSON document of a text that consists of one or several, one after another."""
    values = []
    text = text.removeprefix("\ufeff").strip(" \t\r\n")
    decoder = json.JSONDecoder(parse_constant=refuse)
    end = 0
    while end < len(text):
        while text[end] in " \t\r\n":
            end += 1
        try:
            value, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError):
            raise Unreadable from None
        values.append(value)
    return values


def parse_json(text: str) -> Any:
    try:
        # RFC 8259 leaves a byte order mark to the reader; the program reads over it
        return json.loads(text.removeprefix("\ufeff"), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Unreadable from None


def refuse(constant: str) -> NoReturn:
    """JSON has no NaN and no Infinity."""
    raise ValueError(constant)


def classify(item: Any, arrival: int) -> Event | str:
    """An event, "test event" or "ignored". Raises Unreadable."""
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise Unreadable
    if item["type"] == TEST_EVENT:
        return "test event"
    if item["type"] == PINECALL:
        return pinecall_event(item, arrival)
    if item["type"] != GATEWAY:
        return "ignored"
    data = item.get("data")
    if isinstance(data, str):
        data = parse_json(data)
    if not isinstance(data, dict):
        raise Unreadable
    relay = data.get("conversation_relay_data")
    if relay is None and data.get("group") != "conversation_relay":
        return "ignored"
    if not isinstance(relay, dict):
        raise Unreadable
    return relay_event(item, data, relay, arrival)


def pinecall_event(item: Any, arrival: int) -> Event:
    """Pinecall's CloudEvents say the same in names of their own; for payloads see ``pinecall``."""
    data: Any = item.get("data")
    if isinstance(data, str):
        data = parse_json(data)
    if not isinstance(data, dict):
        raise Unreadable
    call: Any = data.get("call")
    session: Any = data.get("session", call)
    account, agent = data.get("account"), data.get("agent")
    for needed in (call, session):
        if not isinstance(needed, str) or needed.strip() == "":
            raise Unreadable
    for optional in (account, agent):
        if optional is not None and not isinstance(optional, str):
            raise Unreadable
    if "/" in (account or ""):
        raise Unreadable  # the program's: it would not be told from an agent's
    number: Any = data.get("sequence_number", data.get("n"))
    if not is_integer(number) or not 0 <= number <= 2_147_483_647:
        raise Unreadable
    timestamp = time_of(item, data, arrival)
    name = text(data.get("name"))
    payload, said = pinecall_payload_of(name, data.get(name))
    previous: Any = data.get("previous", number - 1)
    usable = isinstance(previous, int) and is_integer(previous) and 0 <= previous < number
    if "previous" in data and not usable:
        previous = None
    turn: Any = data.get("turn")
    turn = turn if is_integer(turn) and 0 <= turn < 2**53 else None
    guessed = data.get("basis") in ("preceding", "arrival")
    known = -1 if previous is None else previous
    whole = f"[{said},{known},{json.dumps(turn)},{json.dumps(guessed)}]"
    link = Link(turn, previous, guessed, agent or "", whole)
    return Event(
        "pinecall", account or "", call, session, number, name, timestamp, payload, arrival, link
    )


def time_of(item: Any, data: Any, arrival: int) -> int:
    timestamp = epoch_ms(data.get("timestamp"))
    if timestamp is None:
        timestamp = epoch_ms(item.get("time"))
    if timestamp is None or timestamp > arrival + HOUR_MS:
        raise Unreadable
    if timestamp < arrival - 31 * 24 * HOUR_MS:
        raise Unreadable
    return timestamp


def relay_event(item: Any, data: Any, relay: Any, arrival: int) -> Event:
    session_id = relay.get("session_id")
    if not isinstance(session_id, str) or session_id.strip() == "":
        raise Unreadable
    for other_id in (data.get("account_sid"), data.get("call_sid")):
        if other_id is not None and not isinstance(other_id, str):
            raise Unreadable  # the program's reading; missing ones are no reason
    sequence_number = relay.get("sequence_number")
    if not is_integer(sequence_number) or not 0 <= sequence_number <= 2_147_483_647:
        raise Unreadable
    timestamp = time_of(item, data, arrival)
    name = text(relay.get("name")) or text(data.get("name"))
    name = ALIASES.get(name, name)
    return Event(
        platform="twilio",
        account_sid=text(data.get("account_sid")),
        call_sid=text(data.get("call_sid")),
        session_id=session_id,
        sequence_number=sequence_number,
        name=name,
        timestamp=timestamp,
        payload=payload_of(name, relay),
        arrival=arrival,
    )


def payload_of(name: str, relay: Any) -> dict[str, Any] | None:
    """The payload that belongs to the name, as far as it is read."""
    payload = relay.get(PAYLOAD_KEYS.get(name))
    if name == "language_info" and not payload:
        payload = relay.get("language_changed")  # the program's reading: it looks like that one
    if not isinstance(payload, dict):
        return None
    if name != "configurations":
        return known(payload, FIELDS[name])
    result: dict[str, Any] = {}
    if "configurations" in payload:
        result["configurations"] = known(payload["configurations"], SETTINGS)
    if isinstance(payload.get("languages"), dict):
        result["languages"] = {
            code: known(language, ENGINE_FIELDS) for code, language in payload["languages"].items()
        }
    return result


def known(value: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """The known fields of an object; a list or an object in one of them says nothing.

    A text of more than 200 characters, but for a message, is known by its beginning and a digest
    of the whole: the program's choice.
    """
    if not isinstance(value, dict):
        return {}
    return {field: scalar(field, value[field]) for field in fields if field in value}


def scalar(field: str, value: Any) -> Any:
    if isinstance(value, list | dict):
        return None
    if isinstance(value, str) and len(value) > 200 and field != "message":
        return (
            f"{value[:193].rstrip()}~{hashlib.blake2b(value.encode(), digest_size=3).hexdigest()}"
        )
    return value


def is_integer(value: Any) -> bool:
    """No boolean, no string."""
    return isinstance(value, int) and not isinstance(value, bool)


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ms(value: Any) -> int | None:
    """RFC 3339 with any offset, none = UTC, truncated to ms; None if it is nothing such."""
    match = RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    *minute, second, fraction, sign, hours, minutes = match.groups()
    if int(second) > 60:  # 60 is a leap second
        return None
    try:
        moment = datetime(*map(int, minute), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None
    ms = (moment - EPOCH) // timedelta(milliseconds=1) + int(((fraction or "") + "000")[:3])
    ms += int(second) * 1000
    if sign is None:
        return ms
    if int(hours) > 23 or int(minutes) > 59:
        return None
    offset_ms = (int(hours) * 60 + int(minutes)) * 60_000
    return ms - offset_ms if sign == "+" else ms + offset_ms
