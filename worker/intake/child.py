"""The process that reads a stream and decodes it for the worker: ``python -m`` this, and the
descriptor of a connection to it.

It holds no state: what it has read and the worker has not committed is read again. It ends when
the worker does, however that ends; signals are none of its business.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

from worker.errors import StreamReplaced, VoiceInsightsError
from worker.intake.frames import (
    Begin,
    Broken,
    Forgotten,
    Frame,
    ParsedSlowly,
    Pause,
    Replaced,
    decode_begin,
    decode_order,
    encode,
)
from worker.sources.kinesis.api import KinesisApi
from worker.sources.kinesis.client import connect
from worker.sources.kinesis.inline import decoded
from worker.sources.kinesis.reader import THREADS, Reader

_WAIT_S: Final = 0.2


class Child:
    """Reads for the worker at the other end of a connection; the API is made by ``connect``."""

    def __init__(self, connection: Connection, connect: Connect) -> None:
        self._connection = connection
        self._connect = connect
        self._sending = threading.Lock()
        self._over = threading.Event()

    def work(self) -> None:
        """Read until the worker is gone, or something has ended the reading."""
        try:
            self._read()
        except _WorkerGone:
            pass
        except StreamReplaced as error:
            self._say_last(Replaced(str(error)))
        except VoiceInsightsError as error:
            self._say_last(Broken(str(error)))
        except Exception as error:
            self._say_last(Broken(_without_content(error)))

    def _read(self) -> None:
        reader = self._reader()
        threading.Thread(target=self._obey, args=(reader,), daemon=True).start()
        reader.start()
        while not self._over.is_set():
            for batch in reader.take(_WAIT_S):
                self._send(decoded(batch))
            if shards := reader.forgotten():
                self._send(Forgotten(shards))

    def _reader(self) -> Reader:
        try:
            begin = decode_begin(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise _WorkerGone from None
        api = self._connect(begin, lambda answers: self._send(ParsedSlowly(answers)))
        return Reader(api, begin.positions, begin.created, self._send)

    def _obey(self, reader: Reader) -> None:
        try:
            while True:
                order = decode_order(self._connection.recv_bytes())
                (reader.pause if isinstance(order, Pause) else reader.resume)(order.shards)
        except (EOFError, OSError):
            self._over.set()

    def _send(self, frame: Frame) -> None:
        """For any thread; waits as long as the worker is busy with what it has."""
        message = encode(frame)
        try:
            with self._sending:
                self._connection.send_bytes(message)
        except OSError:
            raise _WorkerGone from None

    def _say_last(self, frame: Frame) -> None:
        try:
            self._send(frame)
        except _WorkerGone:
            return


Connect = Callable[[Begin, Callable[[int], None]], KinesisApi]
"""The API of a stream; the second argument is its ``parsed_slowly``."""


def connect_kinesis(begin: Begin, parsed_slowly: Callable[[int], None]) -> KinesisApi:
    """Kinesis itself."""
    return connect(
        begin.stream,
        region=begin.region,
        endpoint=begin.endpoint,
        threads=THREADS,
        parsed_slowly=parsed_slowly,
    )


class _WorkerGone(Exception):
    """Nobody is left to read for."""


def _without_content(defect: Exception) -> str:
    """What a defect is and where; what it says may hold records."""
    where = traceback.extract_tb(defect.__traceback__)[-1]
    return f"{type(defect).__name__} at {where.filename}:{where.lineno}"


def main(descriptor: int) -> None:
    """Work for whoever holds the connection's other end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with Connection(descriptor) as connection:
        Child(connection, connect_kinesis).work()


if __name__ == "__main__":
    main(int(sys.argv[1]))
