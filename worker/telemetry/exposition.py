"""Metric families as text, in the format that the scraper requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from worker.telemetry.families import Family

TEXT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OPENMETRICS_TYPE: Final = openmetrics.CONTENT_TYPE_LATEST

_OPENMETRICS: Final = "application/openmetrics-text"
_START: Final = "_created"


def content_type_for(accept: str) -> str:
    """Return the content type of the answer to a request with this Accept header: OpenMetrics if
    named, as by Prometheus, else Prometheus's own text.
    """
    kinds = (one.partition(";")[0].strip().lower() for one in accept.split(","))
    return OPENMETRICS_TYPE if _OPENMETRICS in kinds else TEXT_TYPE


def exposition(families: Iterable[Family], content_type: str = TEXT_TYPE) -> str:
    """Format families as text of a content type. Starts of counters and histograms are written in
    OpenMetrics only: Prometheus's text could express them only as a gauge each.
    """
    if content_type == OPENMETRICS_TYPE:
        text: bytes = openmetrics.generate_latest(_Families(families, starts=True))  # type: ignore[no-untyped-call]
    else:
        text = generate_latest(_Families(families, starts=False))
    return text.decode()


class _Families(Collector):
    def __init__(self, families: Iterable[Family], *, starts: bool) -> None:
        self._families = families
        self._starts = starts

    def collect(self) -> Iterator[Metric]:
        """Yield the families in the library's form."""
        for family in self._families:
            metric = Metric(family.name, family.about, family.kind, family.unit)
            for point in family.points:
                if self._starts or point.suffix != _START:
                    labels = dict(point.labels)
                    metric.add_sample(family.name + point.suffix, labels, point.value)
            yield metric
