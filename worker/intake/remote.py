"""The service's source in a process of its own: fetching and decoding take a core for themselves.

What has been read comes over a connection, in order; when nothing is taken the process waits.
Should it end, the worker ends, too: nothing is lost by that, and whoever runs the worker starts
it anew.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import Connection
from socket import SO_SNDBUF, SOL_SOCKET, socketpair
from time import monotonic
from typing import Final, Protocol

from worker.errors import ReaderEnded, StreamReplaced
from worker.intake.frames import (
    Begin,
    Broken,
    Forgotten,
    Frame,
    Order,
    ParsedSlowly,
    Pause,
    Replaced,
    Resume,
    decode_frame,
    encode,
)
from worker.sources.kinesis.notices import Notice
from worker.sources.source import Intake
from worker.stream.position import Position

_AT_ONCE: Final = 16
"""Intakes that one ``take`` gives at most, each of an answer's size."""

_STOP_WITHIN_S: Final = 1.0

_UNDER_WAY: Final = 1 << 20
"""Bytes that the system is asked to hold of what the process has sent: an answer or two, so that
one comes in few pieces, and the next is ready when it is asked for.
"""


class Peer(Protocol):
    """Whoever reads at the other end of a connection."""

    connection: Connection

    def ended(self) -> str:
        """How it has ended; to be asked when the connection says so."""
        ...

    def stop(self) -> None:
        """Close the connection, and end it within about a second."""
        ...


class ChildProcess:
    """A process that runs ``worker.intake.child``."""

    def __init__(self) -> None:
        ours, others = socketpair()
        self.connection = Connection(ours.detach())
        with others:
            others.setsockopt(SOL_SOCKET, SO_SNDBUF, _UNDER_WAY)
            descriptor = others.fileno()
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "worker.intake.child", str(descriptor)],
                pass_fds=(descriptor,),
                process_group=0,  # Ctrl-C is for the worker alone
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def ended(self) -> str:
        """See ``Peer.ended``."""
        try:
            status = self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            return "it has closed its connection"
        return f"ended by signal {-status}" if status < 0 else f"ended with status {status}"

    def stop(self) -> None:
        """See ``Peer.stop``."""
        self.connection.close()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class IntakeProcess:
    """Reads ``stream`` as ``connect`` and ``Reader`` do, where ``launch`` says.

    ``observer`` and ``parsed_slowly`` are called by the thread that takes.
    """

    def __init__(
        self,
        stream: str,
        positions: Mapping[str, Position],
        created: int,
        observer: Callable[[Notice], None],
        *,
        region: str | None,
        endpoint: str | None,
        parsed_slowly: Callable[[int], None],
        launch: Callable[[], Peer] = ChildProcess,
    ) -> None:
        self._launch = launch
        self._begin = Begin(stream, region, endpoint, dict(positions), created)
        self._observer = observer
        self._parsed_slowly = parsed_slowly
        self._forgotten: list[str] = []

    def start(self) -> None:
        """Begin to read."""
        self._peer = self._launch()
        self._send(self._begin)

    def take(self, timeout_s: float) -> list[Intake]:
        """What is ready, in order; waits for something up to ``timeout_s``.

        Raises StreamReplaced as ``Reader`` does, and ReaderEnded if the process is gone.
        """
        intakes: list[Intake] = []
        deadline = monotonic() + timeout_s
        while len(intakes) < _AT_ONCE:
            left = 0.0 if intakes else max(0.0, deadline - monotonic())
            frame = self._receive(left)
            if frame is None:
                break
            match frame:
                case Intake():
                    intakes.append(frame)
                case Forgotten():
                    self._forgotten += frame.shards
                case ParsedSlowly():
                    self._parsed_slowly(frame.answers)
                case Replaced():
                    raise StreamReplaced(frame.detail)
                case Broken():
                    raise ReaderEnded(f"the process that reads the stream failed: {frame.detail}")
                case _:
                    self._observer(frame)
        return intakes

    def pause(self, shards: Iterable[str]) -> None:
        """Ask for nothing more from ``shards``; what is under way or ready still comes."""
        self._order(Pause, shards)

    def resume(self, shards: Iterable[str]) -> None:
        """Go on with ``shards``."""
        self._order(Resume, shards)

    def forgotten(self) -> list[str]:
        """Ended shards, each told once, that the stream no longer has: drop their positions."""
        shards, self._forgotten = self._forgotten, []
        return shards

    def stop(self) -> None:
        """End the process, within about a second. What wasn't taken is dropped."""
        self._peer.stop()

    def _receive(self, timeout_s: float) -> Frame | None:
        try:
            if not self._peer.connection.poll(timeout_s):
                return None
            frame: Frame = decode_frame(self._peer.connection.recv_bytes())
        except (EOFError, OSError):
            raise self._ended() from None
        return frame

    def _order(self, order: type[Pause | Resume], shards: Iterable[str]) -> None:
        if named := list(shards):
            self._send(order(named))

    def _send(self, message: Begin | Order) -> None:
        try:
            self._peer.connection.send_bytes(encode(message))
        except OSError:
            raise self._ended() from None

    def _ended(self) -> ReaderEnded:
        return ReaderEnded(f"the process that reads the stream is gone: {self._peer.ended()}")
