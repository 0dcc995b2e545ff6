"""Totals of recordings, as a replay has them."""

from __future__ import annotations

from collections.abc import Iterable

from worker.metrics.totals import Totals
from worker.partition.commit_outputs import Outputs
from worker.partition.rules import Rules
from worker.replay import Replay
from worker.stream.record import Record

RULES = Rules(totals=True)


class Taking:
    """Keeps the totals after the latest outputs, and all session records."""

    def __init__(self) -> None:
        self.totals: Totals | None = None
        self.lines: list[bytes] = []

    def __call__(self, outputs: Outputs) -> None:
        self.totals = outputs.totals
        self.lines += [one.line for one in outputs.records]


def totals_of(records: Iterable[Record], rules: Rules = RULES) -> Totals:
    return replayed(records, rules)[0]


def replayed(records: Iterable[Record], rules: Rules = RULES) -> tuple[Totals, list[bytes]]:
    """The totals and the session records of an offline replay."""
    taking = Taking()
    replay = Replay(rules, taking)
    for record in records:
        replay.feed(record)
    replay.finish()
    assert taking.totals is not None
    return taking.totals, taking.lines
