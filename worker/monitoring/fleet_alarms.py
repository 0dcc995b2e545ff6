"""The alarms of a fleet, in place of a single worker's on itself. Pure."""

from __future__ import annotations

from typing import Final

from worker.monitoring.alarm import (
    Alarm,
    Missing,
    Urgency,
    evaluation_periods,
    metric_alarm,
)
from worker.monitoring.deployment import (
    Deployment,
    MetricQuery,
    Of,
    delay_s,
    of_keyed_stream,
    own,
)

UNHELD_MIN: Final = 5
"""Minutes for which buckets may be held by nobody: the leases of a task that died, or was stopped,
are taken over within about a minute.
"""


def fleet_pages(deployment: Deployment) -> list[Alarm]:
    """Return the alarms that wake someone."""
    return [
        _unheld(deployment),
        metric_alarm(
            deployment,
            ("RouterBehind", Urgency.PAGE, "the routers do not keep up with the stream"),
            own("value", "RouterBehindMillis"),
            (900_000, "ms"),
            (60, 10),
        ),
        metric_alarm(
            deployment,
            ("BundlesRefused", Urgency.PAGE, "a bucket refuses its records and stands still"),
            own("value", "BundlesRefused"),
            (1, "bundles"),
            (300, 1),
        ),
    ]


def fleet_tickets(deployment: Deployment) -> list[Alarm]:
    """Return the alarms that can wait."""
    return [
        metric_alarm(
            deployment,
            ("KeyedStreamFull", Urgency.TICKET, "the keyed stream refuses what routers write"),
            of_keyed_stream("value", "WriteProvisionedThroughputExceeded"),
            (1, "records"),
            (300, 3),
        ),
        metric_alarm(
            deployment,
            ("SeriesCap", Urgency.TICKET, "more series than one worker would admit"),
            own("value", "SeriesAdmitted"),
            (deployment.rules.series.in_all, "series"),
            (300, 3),
        ),
    ]


def _unheld(deployment: Deployment) -> Alarm:
    """Each task reports once a minute what it holds, so the sum is of all tasks."""
    metric = MetricQuery("held", "BucketsHeld", "Sum", of=Of.WORKER)
    n = evaluation_periods(UNHELD_MIN, 60, (delay_s(deployment, metric),))
    return Alarm(
        "BucketsHeld",
        Urgency.PAGE,
        "buckets are held by no task, so their calls stand still",
        (metric,),
        metric.id,
        deployment.buckets,
        "buckets",
        60,
        UNHELD_MIN,
        n,
        below=True,
        missing=Missing.BAD,
    )
