"""Dead letters and datums as lines of JSON, as files and replays hold them."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from msgspec.structs import asdict

from worker.partition.commit_outputs import DeadLetter, SetAside
from worker.times.rfc3339 import format_ms


def dead_letter_line(letter: DeadLetter) -> bytes:
    """A dead letter with its reason, place and bytes (base64), without a line end."""
    return json_line(
        {
            "reason": letter.reason,
            "shard": letter.place.shard,
            "sequence_number": letter.place.sequence_number,
            "sub_sequence": letter.place.sub_sequence,
            "arrival": format_ms(letter.place.arrival),
            "data": base64.b64encode(letter.data).decode(),
        }
    )


def set_aside_line(one: SetAside) -> bytes:
    """A session that was set aside, with its packed events (base64), without a line end."""
    return json_line(
        {
            "reason": one.reason,
            "arrival": format_ms(one.arrival),
            "session": asdict(one.key),
            "events": base64.b64encode(one.log).decode(),
        }
    )


def json_line(value: Any) -> bytes:
    """One line of JSON, without a line end."""
    return msgspec.json.encode(value)
