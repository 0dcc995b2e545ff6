"""One call followed through whatever its log answers, on a clock that only waiting moves."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from itertools import repeat
from typing import Any

import pytest

from tests.pinecall.bridges import MemoryArchive
from worker.pinecall.api import CallsPage, Failure, FailureKind, LogPage, Sealed
from worker.pinecall.checkpoint import ProgressBook, claimed, decode_checkpoint
from worker.pinecall.following import Follower
from worker.pinecall.notices import (
    BridgeNotice,
    CallFinished,
    CallGivenUp,
    LogGap,
    RequestFailed,
)
from worker.pinecall.routing import Surroundings
from worker.stream.record import Record

BEGIN = 1_790_942_400.0
AWAY = Failure(FailureKind.AWAY, "503")
GONE = Failure(FailureKind.MISSING, "404")
Answer = LogPage | Sealed | Failure
Item = bytes | Sealed | Failure


def entry(seq: int, kind: str = "dtmf.received", **data: Any) -> bytes:
    whole = {"seq": seq, "ts": BEGIN + seq, "agent": "a", "type": kind, "data": data}
    return json.dumps(whole).encode()


def untimed(seq: int, kind: str = "dtmf.received") -> bytes:
    return json.dumps({"seq": seq, "type": kind, "data": {}}).encode()


def page(*entries: bytes, live: bool = True) -> LogPage:
    return LogPage(list(entries), json.loads(entries[-1])["seq"] if entries else None, live)


class Logs:
    """Answers in turn; of a stream, each item in turn. ``asked``: after which number of which
    call.
    """

    def __init__(self, pages: Iterable[Answer], streams: Iterable[list[Item]] = ()) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()
        self._pages = iter(pages)
        self._streams = iter(streams)

    async def calls(self, before: str | None) -> CallsPage | Failure:
        raise NotImplementedError

    async def page(self, call: str, after: int, limit: int) -> Answer:
        self.asked[call, after] += 1
        return AWAY if call == "away" else next(self._pages)

    async def stream(self, call: str, after: int) -> AsyncGenerator[Item, None]:
        for item in next(self._streams):
            yield item

    def floor(self) -> AsyncGenerator[Item, None]:
        raise NotImplementedError


class Around:
    """What followers share; ``slept`` holds each wait in s, ``slow_s`` how long a put takes."""

    def __init__(self, logs: Logs, *, slow_s: float = 0, pages: int = 8) -> None:
        self.taken: list[Record] = []
        self.slept: list[float] = []
        self.told: list[BridgeNotice] = []
        self.book = ProgressBook(decode_checkpoint(claimed("s", None, "p"), "p"))
        self._ms = int(BEGIN * 1000)
        self._slow_s = slow_s
        self.shared = Surroundings(
            *("acct", logs, self.book, self, MemoryArchive(), asyncio.Semaphore(pages)),
            *(10**12, lambda: self._ms, self._sleep, lambda: 0.5, self.told.append),
        )

    async def put(self, records: list[Record], then: Callable[[], object]) -> None:
        await asyncio.sleep(self._slow_s)
        self.taken += records
        then()

    async def _sleep(self, wait_s: float) -> None:
        self.slept.append(wait_s)
        self._ms += int(wait_s * 1000)
        await asyncio.sleep(0)

    def follower(self, call: str = "c") -> Follower:
        self.book.find(call, 1)
        return Follower(self.shared, call)

    def run(self) -> None:
        asyncio.run(self.follower().run())

    @property
    def numbers(self) -> list[int]:
        """The entries of which an event was put."""
        return [json.loads(record.data)["data"]["src_seq"] for record in self.taken]


def test_calls_that_wait_for_their_pages_keep_no_other_from_reading_its_own() -> None:
    around = Around(Logs([page(entry(1)), Sealed()]), pages=1)

    async def both() -> None:
        away = asyncio.create_task(around.follower("away").run())
        while not around.slept:
            await asyncio.sleep(0)
        await around.follower().run()
        away.cancel()

    asyncio.run(both())
    assert around.numbers == [1]
    assert CallFinished("c", None) in around.told
    assert not [one for one in around.told if isinstance(one, CallGivenUp)]  # after a day of it


def test_a_live_call_is_given_up_only_for_the_same_answer_again_and_again() -> None:
    around = Around(Logs([*[AWAY] * 4, GONE, *[AWAY] * 4, GONE, page(entry(1)), Sealed()]))
    around.run()
    assert around.numbers == [1]
    refused = Around(Logs([AWAY, *[GONE] * 5]))
    refused.run()
    assert CallGivenUp("c", "404") in refused.told


def gap(first: int, last: int) -> bytes:
    return entry(last, "log.gap", from_seq=first, to_seq=last)


@pytest.mark.parametrize(
    "failure",
    [
        AWAY,
        Failure(FailureKind.THROTTLED, "429", 1.0),
        Failure(FailureKind.BAD_KEY, "401"),
    ],
)
def test_entries_that_a_stream_left_out_are_waited_for_through_an_outage(failure: Failure) -> None:
    pages: list[Answer] = [page(entry(1)), page(), *[failure] * 40, page(entry(2), entry(3))]
    around = Around(Logs(pages, [[gap(2, 3), entry(4), Sealed()]]))
    around.run()
    assert around.numbers == [1, 2, 3, 4]
    assert LogGap("c", read=True) in around.told
    assert LogGap("c", read=False) not in around.told
    attempts = [one.attempt for one in around.told if isinstance(one, RequestFailed)]
    assert attempts == list(range(1, 41))
    most = [failure.retry_after_s + min(30, 2**n) for n in range(40)]
    assert all(wait <= bound for wait, bound in zip(around.slept, most, strict=True))
    assert max(around.slept) > 10


@pytest.mark.parametrize(
    "failure", [GONE, Failure(FailureKind.REFUSED, "410"), Failure(FailureKind.UNREADABLE, "html")]
)
def test_entries_that_can_t_be_had_are_lost_after_the_same_answer_again_and_again(
    failure: Failure,
) -> None:
    pages: list[Answer] = [page(entry(1)), page(), AWAY, *[failure] * 5]
    around = Around(Logs(pages, [[gap(2, 3), entry(4), Sealed()]]))
    around.run()
    assert around.numbers == [1, 4]
    assert LogGap("c", read=False) in around.told
    before = [json.loads(one.data)["data"]["previous"] for one in around.taken]
    assert before[-1] is None


def test_an_outage_that_outlasts_a_call_leaves_its_gap_lost() -> None:
    ended = entry(4, "call.ended", ended_at=BEGIN)
    pages: list[Answer] = [page(entry(1), ended), page(), *repeat(AWAY, 400)]
    around = Around(Logs(pages, [[gap(5, 6)]]))
    around.run()
    assert LogGap("c", read=False) in around.told
    assert around.told[-1] == CallFinished("c", None)


def test_what_is_being_put_is_put_even_where_the_time_for_the_log_is_up() -> None:
    ended = entry(1, "call.ended", ended_at=BEGIN - 599.99)
    around = Around(Logs([page(ended), page()], [[entry(2), Sealed()]]), slow_s=0.05)
    around.run()
    assert around.numbers == [1, 2]
    assert around.told[-1] == CallFinished("c", None)


def test_a_stream_that_never_works_is_tried_less_and_less_often_though_pages_do() -> None:
    def pages() -> Iterator[Answer]:
        yield page(entry(1))
        yield from repeat(page())

    around = Around(Logs(pages(), repeat([AWAY], 10_000)))
    around.run()
    assert around.slept[:6] == [0.5, 1, 2, 4, 8, 15]
    assert around.told[-1] == CallGivenUp("c", "it has had no entry for a day")


def test_a_frame_that_comes_ends_the_stream_s_failures() -> None:
    streams: list[list[Item]] = [[AWAY], [AWAY], [entry(1), AWAY], [Sealed()]]
    around = Around(Logs(repeat(page()), streams))
    around.run()
    assert [one.attempt for one in around.told if isinstance(one, RequestFailed)] == [1, 2, 1]


def test_pages_tell_what_frames_leave_out() -> None:
    logs = Logs(
        [page(), page(entry(1)), page(), page(entry(2), entry(3)), page()],
        [[untimed(1)], [untimed(2), entry(9)], [Sealed()]],
    )
    around = Around(logs)
    around.run()
    assert around.numbers == [1, 2, 3]


def test_before_a_call_ends_at_its_score_pages_are_read_once_more() -> None:
    for score in (entry(3, "call.score"), untimed(3, "call.score")):
        around = Around(Logs([page(), page(entry(1), entry(2)), page()], [[score]]))
        around.run()
        assert around.numbers == [1, 2]
        assert around.slept == []
        assert around.told[-1] == CallFinished("c", None)


def test_frames_that_pages_never_tell_are_waited_for_less_and_less_often() -> None:
    again: list[Item] = [untimed(1)]
    streams: list[list[Item]] = [*[again] * 5, [Sealed()]]
    around = Around(Logs(repeat(page()), streams))
    around.run()
    assert around.slept == [0.5, 1, 2, 4, 8]
