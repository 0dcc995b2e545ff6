"""The page's data from session records: the fleet, a row per session, calls in full. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from worker.page.fleet import FleetSamples, breakdowns_of, fleet_of, totals_of
from worker.page.occurrences import replay_pipeline
from worker.page.redaction import redacted
from worker.page.samples import instant
from worker.page.summary import columns_of, longest_wait, summary_row
from worker.sessions.schema import SessionRecord

_AT_ONCE: Final = 20
"""The number of calls in full that are packed together."""


class TimeSpan(NamedTuple):
    """A span from an instant up to another, exclusive (epoch ms); None means unbounded."""

    since: int | None
    until: int | None

    def holds(self, at: int) -> bool:
        """Whether an instant is in the span."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


class ReportScope(NamedTuple):
    """The scope of a report. ``calls``: how many calls to show in full, the worst first; None for
    all. ``source``: the kind of place that the records come from, in a word.
    """

    span: TimeSpan
    calls: int | None
    title: str | None
    source: str
    redact: bool
    against: TimeSpan | None = None


class Data(NamedTuple):
    """``whole``: the data of the page's overview. ``calls``: the calls in full, some at a time."""

    whole: dict[str, Any]
    calls: list[bytes]
    sessions: int


def in_span(records: Iterable[SessionRecord], span: TimeSpan) -> list[SessionRecord]:
    """The sessions that began in a span, ordered by their beginning."""
    found = [one for one in records if span.holds(instant(one.started_at))]
    return sorted(found, key=lambda one: (one.started_at, one.session_id, one.call_sid))


def worst_first(records: Iterable[SessionRecord]) -> list[SessionRecord]:
    """Sort by the longest wait without doubt, descending; equal ones stay in the given order."""
    return sorted(records, key=lambda one: -((longest_wait(one) or (-1, False))[0]))


def data_of(
    records: Iterable[SessionRecord],
    scope: ReportScope,
    counters: Mapping[str, int] | None = None,
) -> Data:
    """The page's data; equal records and scopes give equal data, whatever the records' order.
    ``counters``: of the replay that has made the records, if one has.
    """
    everything = list(map(redacted, records) if scope.redact else records)
    shown = in_span(everything, scope.span)
    gathered = FleetSamples(shown)
    bins = gathered.bins()
    full = worst_first(shown)[: scope.calls]
    place = {id(one): n for n, one in enumerate(full)}
    rows = [{**summary_row(one), "place": place.get(id(one), -1)} for one in shown]
    whole = {
        "title": scope.title,
        "source": scope.source,
        "redacted": scope.redact,
        "at_once": _AT_ONCE,
        "fleet": fleet_of(gathered, bins),
        "sessions": columns_of(rows),
        "pipeline": None if counters is None else replay_pipeline(counters),
    }
    if scope.against is not None:
        other = FleetSamples(in_span(everything, scope.against))
        spans = other.bins()
        whole["against"] = {
            "start": scope.against.since or spans.start,
            "end": scope.against.until or spans.start + spans.width * spans.number,
            "totals": totals_of(other),
            "by": breakdowns_of(other),
        }
    return Data(whole, _packed(full), len(shown))


def _packed(full: Sequence[SessionRecord]) -> list[bytes]:
    return [
        msgspec.json.encode(full[start : start + _AT_ONCE])
        for start in range(0, len(full), _AT_ONCE)
    ]
