"""Probes of a fleet: its layout, its keyed stream, its buckets' states, its lease tables. Shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from worker.doctor.facts import State, StreamFacts
from worker.doctor.fleet import FleetFacts, TableFacts
from worker.doctor.probes import Prober
from worker.doctor.probing import Clients
from worker.doctor.probing_stream import StreamProber
from worker.errors import VoiceInsightsError
from worker.fleet.layout import Layout
from worker.fleet.layout_store import read_layout
from worker.fleet.leases import read_leases
from worker.objectstore.parallel import each
from worker.opening import Locations
from worker.settings.model import Settings

_THREADS: Final = 4


def probe_fleet(
    clients: Clients,
    settings: Settings,
    source: StreamFacts | None,
    sleep: Callable[[float], object],
    now: Callable[[], int],
) -> FleetFacts:
    """Find out the facts about the fleet of the settings, which name a keyed stream. ``source``:
    its stream.
    """
    asker = StreamProber(Prober(now), clients.kinesis, settings.fleet_stream or "", sleep, now)
    layout, problem = _layout(clients.locations, settings.state)
    where = settings.region, settings.endpoint_url
    tables = read_leases(clients.session, settings.fleet_name, *where)
    return FleetFacts(
        settings.state,
        layout,
        problem,
        source,
        asker.describe(),
        [] if layout is None else _buckets(clients.locations, settings.state, layout),
        [
            TableFacts(
                one.name,
                one.exists,
                len(one.leases),
                len({lease.owner for lease in one.leases if lease.owner}),
                one.problem,
            )
            for one in tables
        ],
        settings.fleet_engine,
    )


def _layout(locations: Locations, state: str) -> tuple[Layout | None, str | None]:
    try:
        return read_layout(locations, state), None
    except VoiceInsightsError as error:
        return None, str(error)


def _buckets(locations: Locations, state: str, layout: Layout) -> list[State]:
    def look(bucket: int) -> State:
        place = layout.location(state, bucket)
        try:
            if not locations.has_state(place):
                return State(place)
            return State(place, *locations.view(place).taken())
        except VoiceInsightsError as error:
            return State(place, problem=str(error))

    return each(look, range(layout.buckets), _THREADS)
