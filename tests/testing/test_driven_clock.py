"""A driven clock: records arrive, and responses are dated, by the time that it was told."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.scenes import BASE
from worker.testing.driven_clock import PATH, DrivenClock

MACHINE = 1_800_000_000_000


class Stream:
    """An AWS of one shard: puts are stamped by the machine's clock, each get gives all of them."""

    def __init__(self) -> None:
        self.machine = MACHINE
        self.rounding = 0
        self.clock = DrivenClock(self._serve, lambda: self.machine, self._wait)
        self._stamps: list[int] = []

    def _wait(self, seconds: float) -> None:
        self.machine += round(seconds * 1000)

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["HTTP_X_AMZ_TARGET"].endswith("PutRecords"):
            self._stamps.append(self.machine + self.rounding)
        found = [
            {"ApproximateArrivalTimestamp": stamp / 1000, "Data": ""} for stamp in self._stamps
        ]
        body = json.dumps({"Records": found}).encode()
        start_response("200 OK", [("Content-Length", str(len(body))), ("X-Any", "kept")])
        return [body]

    def ask(self, operation: str) -> list[int]:
        """An operation; the arrivals (epoch ms) in its answer."""
        heads: list[Any] = []
        environ = {"PATH_INFO": "/", "HTTP_X_AMZ_TARGET": f"Kinesis_20131202.{operation}"}
        body = b"".join(self.clock(environ, lambda *head: heads.append(head)))
        ((status, headers),) = heads
        assert status == "200 OK"
        assert dict(headers) == {"Content-Length": str(len(body)), "X-Any": "kept"}
        records = json.loads(body)["Records"]
        return [round(record["ApproximateArrivalTimestamp"] * 1000) for record in records]

    def set(self, time: int) -> None:
        body = str(time).encode()
        environ = {"PATH_INFO": PATH, "CONTENT_LENGTH": len(body), "wsgi.input": io.BytesIO(body)}
        assert list(self.clock(environ, lambda *_: None)) == []


def test_without_a_word_time_is_the_machines() -> None:
    stream = Stream()
    stream.ask("PutRecords")
    assert stream.ask("GetRecords") == [MACHINE]
    assert stream.clock.now_ms() == MACHINE


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "step"]), st.integers(0, 4), st.integers(-1, 1)),
        max_size=20,
    )
)
def test_a_record_keeps_the_time_at_which_it_was_put(deeds: list[tuple[str, int, int]]) -> None:
    """However soon one thing follows the other, and whichever way a stamp is rounded."""
    stream, now, wanted = Stream(), BASE, []
    stream.set(now)
    for deed, later, stream.rounding in deeds:
        stream.machine += later
        if deed == "put":
            stream.ask("PutRecords")
            wanted.append(now)
        else:
            now += 5000
            stream.set(now)
        assert stream.ask("GetRecords") == wanted
        assert stream.clock.now_ms() == now


def test_only_records_that_are_got_are_changed() -> None:
    stream = Stream()
    stream.set(BASE)
    stream.ask("PutRecords")
    assert stream.ask("ListShards") == [MACHINE]
