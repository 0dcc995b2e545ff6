"""CloudWatch's requests: groups of datums within the limits of PutMetricData.

A body is a list of groups, each with the one or two datums of a series' minute; groups are kept
apart in it, because a group is never split. It is sent as one call, or as lines of EMF. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from worker.destinations.cloudwatch.datums import Datum, groups
from worker.metrics.series import Series
from worker.outbox.destination import Replacement
from worker.outbox.ledger import SampleCounts
from worker.partition.commit_outputs import Outputs, SeriesMinute
from worker.partition.dead_letters import samples_letter

METRIC_KIND: Final = "metrics"
"""The kind of CloudWatch's entries. It is one destination, however requests get there: entries that
were created for EMF can be sent as calls after the next start, and vice versa.
"""

PUT_METRIC_DATA_DATUMS: Final = 1000
"""The most datums of one PutMetricData request."""

PUT_METRIC_DATA_BYTES: Final = 640_000
"""The most bytes of a request in compact JSON. The limit is 1 MB before compression; botocore's own
JSON has a space after each comma and colon, which adds at most a half.
"""

OLDEST: Final = 14 * 86_400_000 - 300_000
"""The age (ms) from which a timestamp that CloudWatch has refused is taken to be too old: it
accepts two weeks, less a margin for transit and for its servers' clocks, which differ a little.
"""

Group = list[Datum]


class DatumRequests:
    """The ``RequestFormat`` of CloudWatch."""

    def requests(self, outputs: Outputs) -> Iterator[bytes]:
        """Yield requests that are each as full as the limits allow, by minute and series."""
        request: list[bytes] = []
        datums = size = 0
        for group in groups(outputs.window):
            encoded = _encode(group)
            if request and (
                datums + len(group) > PUT_METRIC_DATA_DATUMS
                or size + len(encoded) > PUT_METRIC_DATA_BYTES
            ):
                yield _joined(request)
                request, datums, size = [], 0, 0
            request.append(encoded)
            datums += len(group)
            size += len(encoded)
        if request:
            yield _joined(request)

    def split(self, body: bytes) -> Replacement:
        """Return the two halves of a request or, of a single series' minute, a dead letter."""
        request = decode_groups(body)
        if len(request) == 1:
            return _samples_letter(request, "CloudWatch calls it invalid")
        middle = len(request) // 2
        return Replacement((encode_groups(request[:middle]), encode_groups(request[middle:])))

    def too_old(self, body: bytes) -> Replacement:
        """See ``RequestFormat.too_old``."""
        return _samples_letter(decode_groups(body), "too old for CloudWatch")

    def counts(self, body: bytes) -> SampleCounts:
        """See ``RequestFormat.counts``."""
        return _counts(decode_groups(body))


DATUMS: Final = DatumRequests()


def encode_groups(request: list[Group]) -> bytes:
    """Return the body of a request."""
    return _joined(map(_encode, request))


def decode_groups(body: bytes) -> list[Group]:
    """Return the groups of a request."""
    return _GROUPS.decode(body)


def all_too_old(request: Iterable[Group], now: int) -> bool:
    """Whether CloudWatch accepts none of these groups at ``now`` (epoch ms), because of their
    age.
    """
    return all(group[0]["Timestamp"] * 1000 < now - OLDEST for group in request)


def series_minute_of(datum: Datum) -> SeriesMinute:
    """Return the series and minute (epoch ms) that a datum belongs to."""
    dimensions = sorted((one["Name"], one["Value"]) for one in datum["Dimensions"])
    return Series(datum["MetricName"], tuple(dimensions)), datum["Timestamp"] * 1000


def _samples_letter(refused: list[Group], reason: str) -> Replacement:
    datums = list(chain.from_iterable(refused))
    letter = samples_letter(reason, datums[0]["Timestamp"] * 1000, datums)
    return Replacement((), letter, _counts(refused))


def _counts(request: Iterable[Group]) -> SampleCounts:
    return tuple(
        (*series_minute_of(datum), sum(datum["Counts"])) for datum in chain.from_iterable(request)
    )


def _joined(encoded: Iterable[bytes]) -> bytes:
    return b"[%b]" % b",".join(encoded)


_encode: Final[Callable[[Group], bytes]] = msgspec.json.Encoder().encode
_GROUPS: Final = msgspec.json.Decoder(list[list[Datum]])
