"""The frames between the worker and the process that reads for it: what goes in comes out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.events.fuzzing import REAL, mutated, odd_event
from tests.scenes import BASE
from tests.test_oracle import NOISY
from worker.intake.frames import (
    Broken,
    Forgotten,
    Frame,
    ParsedSlowly,
    Replaced,
    decode_frame,
    encode,
)
from worker.sources.kinesis.api import Failure, FailureKind
from worker.sources.kinesis.inline import decoded
from worker.sources.kinesis.notices import BackedOff, FoundAgain, StageChanged
from worker.sources.kinesis.shard_consumer import Batch, Stage
from worker.sources.source import Intake
from worker.stream.position import Position
from worker.stream.record import Record
from worker.testing.traffic import simulate


def intake(records: list[Record]) -> Intake:
    children = {"shard-1": Position("trim_horizon", "", 7), "shard-2": Position("ended")}
    return decoded(Batch("shard-0", records, Position("after", "9", 8), 3, 4, True, children))


def survives(frame: Frame) -> None:
    again = decode_frame(encode(frame))
    assert again == frame
    assert repr(again) == repr(frame)  # to the letter: 1 is neither 1.0 nor True


@pytest.mark.parametrize("seed", range(3))
def test_what_simulated_records_say_crosses_unchanged(seed: int) -> None:
    survives(intake(list(simulate(NOISY, seed))))


@settings(max_examples=300)
@given(mutated(REAL))
def test_what_mutated_records_say_crosses_unchanged(data: bytes) -> None:
    survives(intake([Record("shard-0", "1", BASE, data, "key")]))


@settings(max_examples=300)
@given(odd_event())
def test_what_odd_events_say_crosses_unchanged(data: bytes) -> None:
    survives(intake([Record("shard-0", "1", BASE, data, "key")]))


@pytest.mark.parametrize(
    "frame",
    [
        intake([]),
        Forgotten(["shard-0", "shard-1"]),
        StageChanged("shard-0", Stage.DOUBTED),
        BackedOff("", Failure(FailureKind.THROTTLED, "too fast"), 3, 700),
        FoundAgain(4),
        ParsedSlowly(5),
        Replaced("made anew"),
        Broken("TypeError at reader.py:1"),
    ],
)
def test_every_kind_of_frame_crosses_unchanged(frame: Frame) -> None:
    survives(frame)
