"""Puts the records of all calls onto the stream, many per request. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from worker.errors import Misconfigured, VoiceInsightsError
from worker.pinecall.notices import Listener, Put, PutFailed, RecordRefused
from worker.pinecall.pacing import retry_pause_s
from worker.producer.put_records import Clock, StreamWriter, reingest
from worker.stream.record import Record

_LINGER_S: Final = 0.1
_MOST_AT_ONCE: Final = 500


class _Parcel(NamedTuple):
    """Records of one ``put``. Once all of them are on the stream, ``then`` is called and ``done``
    set. ``since``: when they were handed in, epoch ms.
    """

    records: Sequence[Record]
    since: int
    then: Callable[[], object]
    done: asyncio.Future[None]


class Putter:
    """Puts the records that calls hand in, many at once, in the order of their arrival.

    ``clock``: its sleep, in a thread, raises once the bridge has to end. Records that the stream
    has no room for are retried without limit; a record that it rejects as invalid is left out, and
    noticed.
    """

    def __init__(
        self,
        stream: str,
        client: StreamWriter,
        clock: Clock,
        random: Callable[[], float],
        notify: Listener,
    ) -> None:
        self._stream = stream
        self._client = client
        self._clock = clock
        self._random = random
        self._notify = notify
        self._parcels: asyncio.Queue[_Parcel] = asyncio.Queue()
        self._oldest: int | None = None
        self._ending = False

    async def put(self, records: Sequence[Record], then: Callable[[], object]) -> None:
        """Return once all records are on the stream and ``then`` was called. Both happen even if
        the caller is cancelled meanwhile.
        """
        if not records:
            then()
            return
        done = asyncio.get_running_loop().create_future()
        self._parcels.put_nowait(_Parcel(records, self._clock.now_ms(), then, done))
        await done

    def oldest(self) -> int:
        """Return the age (ms) of the oldest put that is under way; 0 if there is none."""
        return 0 if self._oldest is None else max(0, self._clock.now_ms() - self._oldest)

    def end(self) -> None:
        """Begin no more requests."""
        self._ending = True

    async def run(self) -> None:
        """Put until asked to end, or cancelled. Raises ``Misconfigured`` if the stream can never
        accept the records.
        """
        while not self._ending:
            parcels = await self._gathered()
            self._oldest = parcels[0].since
            await self._put_all([one for parcel in parcels for one in parcel.records])
            self._oldest = None
            for parcel in parcels:
                parcel.then()
                if not parcel.done.done():
                    parcel.done.set_result(None)

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, or waits for its retry."""
        return self._oldest is not None

    async def _gathered(self) -> list[_Parcel]:
        parcels = [await self._parcels.get()]
        if len(parcels[0].records) < _MOST_AT_ONCE:
            await asyncio.sleep(_LINGER_S)
        count = len(parcels[0].records)
        while count < _MOST_AT_ONCE and not self._parcels.empty():
            parcels.append(self._parcels.get_nowait())
            count += len(parcels[-1].records)
        return parcels

    async def _put_all(self, records: list[Record]) -> None:
        attempt = 0
        while True:
            try:
                await asyncio.to_thread(self._once, records)
            except Misconfigured:
                raise
            except VoiceInsightsError as error:
                attempt += 1
                wait_s = retry_pause_s(attempt, None, self._random)
                self._notify(PutFailed(str(error), attempt, wait_s))
                await asyncio.sleep(wait_s)
            else:
                break
        oldest = min(record.arrival for record in records)
        self._notify(Put(len(records), max(0, self._clock.now_ms() - oldest)))

    def _once(self, records: list[Record]) -> None:
        reingest(
            lambda: records,
            self._stream,
            self._client,
            self._clock,
            refused=lambda record, why: self._notify(RecordRefused(record.partition_key, why)),
        )
