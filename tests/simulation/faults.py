"""The faults of a plan, handed out as the things happen that they befall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from tests.simulation.plan import (
    Crash,
    OtlpFaultAt,
    Plan,
    Point,
    PutFault,
    ReadFault,
    SendFault,
    Steal,
    StoreFault,
    TakeOver,
    WriteFault,
)
from worker.sources.kinesis.api import StreamFailure, StreamFailureKind
from worker.testing import strict_cloudwatch, strict_kinesis, strict_otlp, strict_s3

INJECTED: Final = "injected"
"""What a failure says of itself."""


class Crashed(BaseException):
    """The worker that was at work is no more. Not an ``Exception``: nothing may handle it."""


class Faults:
    """Counts what happens and says what befalls it; nothing does once ``ended``."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.ended = False
        self._say = say
        self._counts: Counter[str] = Counter()
        self._interruptions = {
            (one.point, one.nth): one
            for one in plan.faults
            if isinstance(one, Crash | TakeOver | Steal)
        }
        self._puts = {one.nth: one for one in plan.faults if isinstance(one, PutFault)}
        self._reads = {one.nth: one.fault for one in plan.faults if isinstance(one, ReadFault)}
        self._sends = {one.nth: one.fault for one in plan.faults if isinstance(one, SendFault)}
        self._otlp = {one.nth: one.fault for one in plan.faults if isinstance(one, OtlpFaultAt)}
        self._stores = {one.nth: one.fault for one in plan.faults if isinstance(one, StoreFault)}
        self._writes = {one.nth: one.written for one in plan.faults if isinstance(one, WriteFault)}

    def _nth(self, what: str) -> int:
        self._counts[what] += 1
        return -1 if self.ended else self._counts[what]

    def at(self, point: Point) -> Crash | TakeOver | Steal | None:
        """What befalls a worker that comes to a point."""
        return self._interruptions.get((point, self._nth(point)))

    def read(
        self, operation: strict_kinesis.KinesisOperation, shard: str
    ) -> strict_kinesis.KinesisFault:
        """What befalls a call to Kinesis."""
        fault = self._reads.get(self._nth("read call"))
        if fault is None or (fault == "empty" and operation != "get_records"):
            return None
        self._say(f"kinesis: {operation} {shard}: {fault}")
        return StreamFailure(fault, INJECTED) if isinstance(fault, StreamFailureKind) else fault

    def sends(self) -> Iterator[strict_cloudwatch.CloudWatchFault | None]:
        """What befalls each call to CloudWatch in turn."""
        while True:
            fault = self._sends.get(self._nth("send call"))
            if fault is not None:
                self._say(f"cloudwatch: {fault.value}")
            yield fault

    def otlp(self) -> Iterator[strict_otlp.OtlpFault | None]:
        """What befalls each request over OTLP in turn."""
        while True:
            fault = self._otlp.get(self._nth("OTLP request"))
            if fault is not None:
                self._say(f"otlp: {fault.value}")
            yield fault

    def store(self, operation: strict_s3.S3Operation, key: str) -> strict_s3.S3Fault | None:
        """What befalls a call to S3."""
        fault = self._stores.get(self._nth("S3 call"))
        if fault is not None:
            self._say(f"s3: {operation} {key}: {fault.value}")
        return fault

    def put(self) -> PutFault | None:
        """What befalls a request to put into the keyed stream."""
        fault = self._puts.get(self._nth("put call"))
        if fault is not None:
            self._say(f"keyed: {fault.kind}")
        return fault

    def write(self) -> bool | None:
        """Whether a block of lines is written although nobody knows; None: all goes well."""
        return self._writes.get(self._nth("write call"))
