"""Stores a fleet's layout, beside the states of its buckets. Shell."""

from __future__ import annotations

from typing import Final

from worker.errors import BadInput, CorruptState, Misconfigured
from worker.fleet.layout import Layout, decode_layout, encode_layout
from worker.opening import Locations
from worker.state.view import StateView

LAYOUT: Final = "layout"
"""The name of the layout's file or object."""


def read_layout(locations: Locations, state: str) -> Layout | None:
    """Return the layout of the fleet whose states are at ``state``; None if there is no fleet.

    Raises ``CorruptState`` if it can't be read.
    """
    data = locations.read_small(state, LAYOUT)
    if data is None:
        return None
    try:
        return decode_layout(data)
    except CorruptState as error:
        raise CorruptState(f"{state}/{LAYOUT}: {error}") from error


def require_layout(locations: Locations, state: str) -> Layout:
    """Like ``read_layout``; raises ``BadInput`` if there is no fleet."""
    layout = read_layout(locations, state)
    if layout is None:
        raise BadInput(f"there is no fleet at {state}: `voice-insights fleet init` makes one")
    return layout


def create_layout(locations: Locations, state: str, layout: Layout) -> bool:
    """Write the layout of a new fleet; return False if the same one is there already.

    Raises ``Misconfigured`` if there is another one.
    """
    if locations.create_small(state, LAYOUT, encode_layout(layout)):
        return True
    found = read_layout(locations, state)
    if found is not None and _fixed(found) == _fixed(layout):
        return False
    raise Misconfigured(
        f"{state} is the state of another fleet: name another place for this one, or run with the "
        f"streams and the number of buckets of {state}/{LAYOUT}"
    )


def bucket_views(locations: Locations, state: str, sid: str | None = None) -> list[StateView]:
    """Return views of all states at a location: one of a single worker, or those of a fleet's
    buckets that have been acquired; with ``sid``, those that can have the call or session.

    Raises ``BadInput`` if there is no state.
    """
    layout = read_layout(locations, state)
    if layout is None:
        return [locations.view(state)]
    buckets = range(layout.buckets) if sid is None else buckets_with(layout, sid)
    views = []
    for bucket in buckets:
        location = layout.location(state, bucket)
        if locations.has_state(location):
            views.append(locations.view(location))
    return views


def buckets_with(layout: Layout, sid: str) -> list[int]:
    """Return the buckets that can have a call or a session: a session's own; or all buckets for a
    call, whose sessions may be in several, and for an id that may be either.
    """
    return [layout.bucket_of(sid)] if sid.startswith("VX") else list(range(layout.buckets))


def _fixed(layout: Layout) -> tuple[str, str, int]:
    """Return the facts that two runs of ``init`` must agree on; the first fixes the start."""
    return layout.source, layout.keyed, layout.buckets
