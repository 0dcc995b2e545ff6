"""The bridge's parts together, in this process, against the stub."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

from tests.pinecall.bridges import (
    Hands,
    MemoryStore,
    MemoryStream,
    Run,
    calls,
    mapped,
    numbers_of,
    past_account,
    stub,
)
from worker.errors import Misconfigured
from worker.pinecall.bridge import BridgeLimits
from worker.pinecall.checkpoint import decode_checkpoint
from worker.pinecall.notices import (
    CallFinished,
    CallGivenUp,
    FollowingLive,
    ListRead,
    LogGap,
    PutFailed,
    RequestFailed,
)
from worker.testing.pinecall_account import StubFaults, account_of

pytestmark = pytest.mark.slow

ALL = StubFaults(0.1, 0.1, 0.1, 0.05, 0.4, 0.2)


def test_calls_that_are_over_are_put_whole_and_once() -> None:
    account = past_account(6)
    run = Run()
    with stub(account) as url:
        run.until(url, lambda: run.finished(6))
    wanted = [record.data for call in account.calls.values() for record in mapped(call)]
    assert sorted(run.stream.taken) == sorted(wanted)
    assert len(run.of(CallFinished)) == 6


def test_calls_that_go_on_are_followed_as_they_grow() -> None:
    made = calls(4, ago_s=900, spread_s=60)
    account = account_of(made, hands := Hands(made[0].started, 20))
    run = Run()
    with stub(account) as url:
        run.until(url, hands.until(account, run, lambda: run.finished(4)))
    assert {one.call for one in run.of(FollowingLive)} == account.calls.keys()
    assert sorted(run.stream.taken) == sorted(r.data for call in made for r in mapped(call))


def test_whatever_fails_on_the_way_nothing_is_lost_and_each_call_is_put_in_order() -> None:
    made = calls(8, ago_s=900, spread_s=60)
    account = account_of(made, hands := Hands(made[0].started, 20))
    account.faults = ALL
    run = Run(MemoryStream(refuse=lambda request: request in (2, 3)))
    with stub(account) as url:
        run.until(url, hands.until(account, run, lambda: run.finished(8)))
    assert run.of(RequestFailed)
    assert [gap for gap in run.of(LogGap) if gap.read]
    assert sorted(run.stream.taken) == sorted(r.data for call in made for r in mapped(call))
    for numbers in numbers_of(run.stream.taken).values():
        assert numbers == sorted(numbers)


def test_a_bridge_that_starts_anew_goes_on_from_its_checkpoint() -> None:
    made = calls(4, ago_s=900, spread_s=60)
    account = account_of(made, hands := Hands(made[0].started, 20))
    first = Run()
    wanted = sorted(r.data for call in made for r in mapped(call))
    with stub(account) as url:
        first.until(
            url,
            hands.until(account, first, lambda: len(first.stream.taken) > len(wanted) // 3),
        )
        second = Run(store=first.store)
        second.until(url, hands.until(account, second, lambda: second.finished(4)))
    assert first.stream.taken
    assert second.stream.taken
    assert sorted(first.stream.taken + second.stream.taken) == wanted


def test_a_bridge_without_its_checkpoint_puts_the_same_ids_again() -> None:
    account = past_account(3)
    runs = Run(), Run()
    with stub(account) as url:
        for run in runs:
            run.until(url, lambda run=run: run.finished(3))  # type: ignore[misc]
    assert sorted(runs[0].stream.taken) == sorted(runs[1].stream.taken) != []


def test_a_call_too_old_for_the_worker_is_archived_whole_and_not_put() -> None:
    account = past_account(2, ago_s=7 * 3600)
    young = past_account(1, ago_s=900, seed=2)
    account.calls |= young.calls
    run = Run(limits=BridgeLimits(50, 6 * 3_600_000, 8 * 3_600_000, 0.2, 0.05))
    with stub(account) as url:
        run.until(url, lambda: run.finished(3))
    (fresh,) = young.calls.values()
    assert sorted(run.stream.taken) == sorted(record.data for record in mapped(fresh))
    old = [call for call in account.calls.values() if call is not fresh]
    assert run.archive.kept == {call.call: mapped(call) for call in old}


def test_a_call_put_in_part_before_a_long_outage_is_archived_whole() -> None:
    (call,) = calls(1, ago_s=5 * 3600 + 60)
    account = account_of([call], time.time)
    source_of = '{{"version":1,"source":"{url} acct","epoch":1,"listed":null,"calls":{calls}}}'
    put = mapped(call)[4].sequence_number
    run = Run(limits=BridgeLimits(50, 5 * 3_600_000, 8 * 3_600_000, 0.2, 0.05))
    with stub(account) as url:
        known = f'{{"{call.call}":{{"started":{int(call.started * 1000)},"put":{put}}}}}'
        run.store = MemoryStore(source_of.format(url=url, calls=known).encode())
        run.until(url, lambda: run.finished(1))
    assert run.stream.taken == []
    assert run.archive.kept == {call.call: mapped(call)}


def test_only_so_many_calls_are_followed_at_once_and_all_in_the_end() -> None:
    account = past_account(7)
    run = Run(limits=BridgeLimits(2, 21_600_000, 3_600_000, 0.2, 0.05))
    with stub(account) as url:
        run.until(url, lambda: run.finished(7))
    assert len(numbers_of(run.stream.taken)) == 7


def test_the_list_is_read_in_pages_back_to_where_it_was_read_before() -> None:
    account = past_account(450, ago_s=3000, spread_s=2500)
    run = Run(limits=BridgeLimits(1, 21_600_000, 3_600_000, 0.2, 0.05))
    with stub(account) as url:
        run.until(url, lambda: len(run.of(ListRead)) >= 2)
    first, second = run.of(ListRead)[:2]
    assert first == ListRead(450, 450)
    assert second.found == 0
    assert second.calls < 450


def test_a_call_whose_log_is_not_there_is_given_up_and_told_of() -> None:
    account = past_account(2)
    gone = next(iter(account.calls))
    account.missing = frozenset({gone})
    run = Run()
    with stub(account) as url:
        run.until(url, lambda: run.finished(2))
    assert [one.call for one in run.of(CallGivenUp)] == [gone]
    assert len(numbers_of(run.stream.taken)) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_at_the_start_ends_the_bridge_with_advice(status: int) -> None:
    account = past_account(1)
    account.status = status
    with stub(account) as url, pytest.raises(Misconfigured, match="key and its scope"):
        Run().until(url, lambda: False)


def test_a_key_that_is_refused_later_is_waited_for() -> None:
    account = past_account(1)
    run = Run()

    def mended() -> bool:
        failed = [one for one in run.of(RequestFailed) if "401" in one.failure.detail]
        account.status = 401 if run.of(ListRead) and not failed else None
        return bool(failed) and len(run.of(ListRead)) > 3

    with stub(account) as url:
        run.until(url, mended)


def test_simulations_are_not_put() -> None:
    account = past_account(1)
    (call,) = account.calls.values()
    for entry in call.entries:
        if entry["type"] in ("call.started", "call.ringing"):
            entry["data"]["run"] = "run_1"
    run = Run()
    with stub(account) as url:
        run.until(url, lambda: run.finished(1))
    assert run.stream.taken == []
    assert run.of(CallFinished) == [CallFinished(call.call, "simulation")]


def test_a_stream_that_takes_nothing_for_a_while_gets_all_of_it_then() -> None:
    account = past_account(2)
    seen = count()
    run = Run(MemoryStream(refuse=lambda _: next(seen) < 25))
    with stub(account) as url:
        run.until(url, lambda: run.finished(2))
    assert run.of(PutFailed)
    wanted = [record.data for call in account.calls.values() for record in mapped(call)]
    assert sorted(run.stream.taken) == sorted(wanted)


def test_what_is_stored_at_the_end_says_all_that_was_put() -> None:
    account = past_account(2)
    run = Run()
    with stub(account) as url:
        run.until(url, lambda: len(run.stream.taken) > 5)
    stored = run.store.kept
    assert stored is not None
    numbers = numbers_of(run.stream.taken)
    found = {
        call: one.put for call, one in decode_checkpoint(stored, "memory").calls.items() if one.put
    }
    assert found == {call: max(those) for call, those in numbers.items()}


class _SlowStore(MemoryStore):
    """Takes its time to save. ``at_once``: the most saves that were under way together."""

    def __init__(self) -> None:
        super().__init__()
        self.saving = threading.Event()
        self.at_once = 0
        self._under_way = 0

    def save(self, data: bytes) -> None:
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        self.saving.set()
        time.sleep(0.5)
        super().save(data)
        self._under_way -= 1


def test_the_last_checkpoint_is_stored_after_the_one_that_is_under_way_at_the_end() -> None:
    account = past_account(1)
    store = _SlowStore()
    run = Run(store=store)
    with stub(account) as url:
        run.until(url, store.saving.is_set)
    assert store.at_once == 1
    assert store.kept is not None
    assert decode_checkpoint(store.kept, "memory") == run.book.stored()
