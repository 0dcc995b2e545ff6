"""Reading calls back: what is waited for, and that interruptions change nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.twilio.accounts import WHOLE, AccountRest
from worker.errors import Unreachable
from worker.testing.twilio_account import Faults, TwilioAccount, TwilioCall
from worker.testing.twilio_rest import simulated_calls
from worker.times.rfc3339 import parse_ms
from worker.twilio.backfill import WaitingCall, calls_between, read_back
from worker.twilio.journal import Journal, JournalledRequest
from worker.twilio.rest import Rest


@cache
def calls() -> dict[str, TwilioCall]:
    return simulated_calls(replace(WHOLE, sessions=6), 3)


ASKED = JournalledRequest([], WHOLE.start_ms, WHOLE.start_ms + 3_600_000, "any")


class Waits(list[float]):
    """The pauses that were made."""

    def waiting(self, longest_s: float) -> WaitingCall:
        return WaitingCall(longest_s, self.append, lambda: 0.5)


def fetched(rest: Rest, folder: Path, waits: Waits, longest_s: float = 900.0) -> list[str]:
    journal = Journal(folder, ASKED)
    if journal.calls is None:
        journal.plan(calls_between(rest, WHOLE.start_ms, WHOLE.start_ms + 3_600_000))
    missing = read_back(rest, journal, "any", waits.waiting(longest_s), lambda _: None)
    if not missing:
        journal.finish("zst")
    return missing


def recording(folder: Path) -> bytes:
    (file,) = folder.iterdir()
    return file.read_bytes()


class Interrupted(Exception):
    """The operator's Ctrl-C."""


class Interruptions:
    """Interrupts each ``nth`` request."""

    def __init__(self, nth: int) -> None:
        self._nth = nth
        self._asked = 0

    def __call__(self) -> None:
        self._asked += 1
        if self._asked == self._nth:
            raise Interrupted


def test_all_calls_of_a_span_are_read(tmp_path: Path) -> None:
    assert fetched(AccountRest(TwilioAccount(calls())), tmp_path, Waits()) == []
    count = Journal(tmp_path / "other", ASKED)
    count.plan(sorted(calls()))
    assert calls_between(AccountRest(TwilioAccount(calls())), 0, 1 << 45) == sorted(calls())


def test_interrupted_at_any_request_and_gone_on_it_is_the_same_recording(tmp_path: Path) -> None:
    account = TwilioAccount(calls())
    fetched(AccountRest(account), tmp_path / "whole", Waits())
    whole, requests = recording(tmp_path / "whole"), len(account.requests)
    assert requests > len(calls())
    for nth in range(1, requests + 1):
        folder = tmp_path / str(nth)
        with pytest.raises(Interrupted):
            fetched(AccountRest(account, Interruptions(nth)), folder, Waits())
        before = len(account.requests)
        fetched(AccountRest(account), folder, Waits())
        assert recording(folder) == whole
        assert len(account.requests) - before < requests + (nth == 1)


def test_calls_that_are_not_ready_are_waited_for(tmp_path: Path) -> None:
    waits = Waits()
    account = TwilioAccount(calls(), Faults(not_ready=3))
    assert fetched(AccountRest(account), tmp_path, waits) == []
    assert waits == [3.75, 7.5, 15.0]


def test_the_wait_ends_and_what_was_read_is_kept(tmp_path: Path) -> None:
    waits = Waits()
    missing = calls_between(AccountRest(TwilioAccount(calls())), 0, 1 << 45)[0]
    there = {call_sid: call for call_sid, call in calls().items() if call_sid != missing}
    journal = Journal(tmp_path, ASKED)
    journal.plan(sorted(calls()))
    assert fetched(AccountRest(TwilioAccount(there)), tmp_path, waits, 20.0) == [missing]
    assert sum(waits) == 20.0
    account = TwilioAccount(calls())
    assert fetched(AccountRest(account), tmp_path, waits) == []
    assert [request.path for request in account.requests] == [f"/v1/Voice/{missing}/Events"]


def test_a_page_that_is_gone_fails_and_nothing_of_its_call_is_kept(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    fetched(AccountRest(TwilioAccount(calls())), whole, Waits())
    rows = {call_sid: call.rows * 30 for call_sid, call in calls().items()}
    long = {
        call_sid: TwilioCall(call.account_sid, call_sid, rows[call_sid], call.sessions)
        for call_sid, call in calls().items()
    }
    account = TwilioAccount(long, Faults(lost_page=1))
    with pytest.raises(Unreachable, match="404"):
        fetched(AccountRest(account), tmp_path / "cut", Waits())
    assert not Journal(tmp_path / "cut", ASKED).has(sorted(calls())[0])


def test_calls_outside_the_span_are_left_out() -> None:
    rest = AccountRest(TwilioAccount(calls()))
    times = sorted(parse_ms(call.start_time) or 0 for call in calls().values())
    assert len(calls_between(rest, times[1], times[3])) == 2


def test_a_call_whose_name_is_no_sid_is_not_asked_for() -> None:
    odd = {"../../etc": TwilioCall("AC", "../../etc", [{"timestamp": "2026-10-02T12:00:00Z"}], [])}
    assert calls_between(AccountRest(TwilioAccount(odd)), 0, 1 << 45) == []
