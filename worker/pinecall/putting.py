"""Records from all calls onto the stream, in requests of many. Shell."""

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
    """Records that belong together. ``then`` is called, and ``done`` set, once all of them are on
    the stream. ``since``: epoch ms.
    """

    records: Sequence[Record]
    since: int
    then: Callable[[], object]
    done: asyncio.Future[None]


class Putter:
    """Puts what calls hand in, together, in the order in which they do.

    ``clock``: its sleep, in a thread, raises once the bridge has to end. Records that the stream
    has no room for are put again and again; one that it calls invalid is left out and noticed.
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
        """Return once all records are on the stream and ``then`` was called, which happens even
        if whoever waits here is cancelled meanwhile.
        """
        if not records:
            then()
            return
        done = asyncio.get_running_loop().create_future()
        self._parcels.put_nowait(_Parcel(records, self._clock.now_ms(), then, done))
        await done

    def oldest(self) -> int:
        """For how long the oldest records on their way have waited, in ms."""
        return 0 if self._oldest is None else max(0, self._clock.now_ms() - self._oldest)

    def end(self) -> None:
        """Begin nothing more."""
        self._ending = True

    async def run(self) -> None:
        """Put until asked to end, or cancelled. Raises ``Misconfigured`` if the stream will never
        take the records.
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
        """Whether a request is under way, or is made again."""
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
