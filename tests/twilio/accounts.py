"""Simulated accounts, the records of their calls, and a REST interface without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from worker.events.event import SessionKey
from worker.partition.commit_outputs import Outputs
from worker.replay import Replay, run_replay
from worker.sessions.record import decode_record
from worker.sessions.schema import SessionRecord
from worker.settings.model import Settings
from worker.settings.rules import rules_of
from worker.stream.record import Record
from worker.testing.traffic import Traffic, simulated_records
from worker.testing.twilio_account import StubRequest, TwilioAccount
from worker.twilio.rest import Parameters, RestAnswer

WHOLE: Final = Traffic(sessions=40, lost=0.0, malformed=0.0, other_types=0.05, test_event=False)
"""Traffic of which Twilio and the stream have the same."""

NOW: Final = WHOLE.start_ms + 7_200_000
"""Two hours after the first call."""


class AccountRest:
    """The interfaces of an account, asked without a network.

    ``before``: called before each request; what it raises interrupts the request.
    """

    def __init__(self, account: TwilioAccount, before: Callable[[], object] = lambda: None) -> None:
        self._account = account
        self._before = before

    def get(self, path: str, parameters: Parameters) -> RestAnswer:
        return self._answer(StubRequest("GET", path, parameters, {}))

    def post(self, path: str, form: Parameters) -> RestAnswer:
        return self._answer(StubRequest("POST", path, {}, form))

    def _answer(self, request: StubRequest) -> RestAnswer:
        self._before()
        reply = self._account.answer(request)
        return RestAnswer(reply.status, msgspec.json.encode(reply.body))


def records_of(records: Iterable[Record]) -> list[SessionRecord]:
    """The session records that an offline replay makes, by their keys."""
    last: dict[SessionKey, bytes] = {}

    def take(outputs: Outputs) -> None:
        last.update((one.key, one.line) for one in outputs.records)

    run_replay(records, Replay(rules_of(Settings()), take), lambda _: None, 1_000_000)
    return [decode_record(last[key]) for key in sorted(last)]


def streamed(traffic: Traffic, seed: int) -> list[Record]:
    """What came over the stream."""
    return list(simulated_records(traffic, seed))
