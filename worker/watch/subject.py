"""What the watch is of: namespaces, series and delays of one deployment. Pure."""

from __future__ import annotations

from math import ceil
from typing import Final, NamedTuple

from worker.metrics.catalogue import CATALOGUE, Hold
from worker.observe.own_metrics import OWN_METRICS
from worker.partition.rules import Rules

DELIVERY_S: Final = 90
"""Within so long after an occurrence Twilio has typically delivered its event."""

VISIBLE_S: Final = 60
"""Within so long CloudWatch shows what it was sent."""

REPORT_S: Final = 60
"""How often the worker reports about itself."""

Dimensions = tuple[tuple[str, str], ...]


class Subject(NamedTuple):
    """``rules``: the worker's. ``labels``: the fixed dimensions of the account to watch, for a
    labelled account adds to no series without its labels.
    """

    namespace: str
    own_namespace: str
    rules: Rules = Rules()
    labels: Dimensions = ()


class Metric(NamedTuple):
    """A statistic of a series, by an id (a lower-case letter first) for expressions.

    ``dimensions``: beside the labels.
    """

    id: str
    name: str
    statistic: str
    dimensions: Dimensions = ()
    own: bool = False

    def namespace(self, subject: Subject) -> str:
        """Where it is published."""
        return subject.own_namespace if self.own else subject.namespace

    def all_dimensions(self, subject: Subject) -> Dimensions:
        """By name, as it is published; the worker's metrics about itself have none."""
        return () if self.own else tuple(sorted((*subject.labels, *self.dimensions)))


def own(id_: str, name: str) -> Metric:
    """A metric of the worker about itself, by the statistic that says what it is about."""
    return Metric(id_, name, OWN_METRICS[name].statistic, own=True)


def delay_s(subject: Subject, metric: Metric) -> int:
    """By how much a minute of a metric may show up late, in the usual run of things.

    What is known of a session only when it has closed (an abandoned wait is a turn metric, and is
    known no sooner) comes within both delays.
    """
    if metric.own:
        return REPORT_S + VISIBLE_S
    rules = subject.rules
    turn = max(rules.hold_turn, rules.hold_max)
    held = {
        Hold.DIRECT: rules.hold_direct,
        Hold.TURN: max(turn, rules.close_after_wrap_up),
        Hold.SESSION: rules.close_after_wrap_up,
    }[CATALOGUE[metric.name].hold]
    return DELIVERY_S + ceil((held + rules.release_every) / 1000) + VISIBLE_S
