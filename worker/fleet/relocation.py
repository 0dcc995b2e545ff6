"""Moves a stopped worker's state into a fleet's buckets, and a stopped fleet's into one. Shell.

The moved states are acquired first, so that a process still working on them is fenced, and handed
over last, so that no process can continue with them. Until the layout of a new fleet is written, or
until the buckets are handed over, nothing has been moved: the attempt can be removed and repeated.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from random import random
from typing import Final

from msgspec.structs import replace

from worker.errors import BadInput, Misconfigured
from worker.fleet.layout import Layout
from worker.fleet.layout_store import create_layout, read_layout, require_layout
from worker.fleet.moving import WholeState, join_states, split_state, start_after
from worker.opening import Locations
from worker.outbox.entries import DeliveryOutcome, Settled
from worker.outbox.ledger import Note
from worker.state.store import Commit, Erasable

_NOTES_AT_ONCE: Final = 500


def fleet_from(locations: Locations, source: str, state: str, layout: Layout) -> WholeState:
    """Make the state of a fleet at ``state`` from a single worker's at ``source``; return the moved
    state. The fleet's routers begin where the worker has stopped, whatever start ``layout`` names.

    Raises ``BadInput`` if there is no state at ``source``, or requests wait in its outbox;
    ``StreamReplaced`` if it isn't that of the layout's source stream; ``Misconfigured`` if there is
    a fleet at ``state`` already, or a state in one of the buckets; and ``Fenced`` if a worker
    acquires ``source`` meanwhile.
    """
    moved = f"nothing any more, since it was moved to the fleet at {state}"
    if not locations.has_state(source):
        raise BadInput(f"there is no state at {source}")
    _require_empty(locations, state, layout)
    locations.make_folder(state)
    with _acquired(locations, source, layout.source, moved) as (store, whole):
        for bucket, part in enumerate(split_state(whole, layout.buckets, layout.bucket_of)):
            place, identity = layout.location(state, bucket), layout.identity(bucket)
            with _filled(locations, place, identity, part):
                pass
        store.hand_over(moved)
    begun = replace(layout, start=start_after(whole.whole.positions))
    if not create_layout(locations, state, begun):
        raise Misconfigured(
            f"another fleet was made at {state} meanwhile, which begins elsewhere: remove "
            f"everything at {state} and repeat the move"
        )
    return whole


def single_from(locations: Locations, state: str, target: str) -> WholeState:
    """Make a single worker's state at ``target`` from that of the fleet at ``state``; return the
    moved state.

    Raises ``BadInput`` if requests wait in a bucket's outbox, or the buckets have not all read the
    source equally far; ``Misconfigured`` if there is a state at ``target`` already; ``Fenced`` if a
    task acquires a bucket meanwhile.
    """
    layout = require_layout(locations, state)
    moved = f"nothing any more, since the fleet was moved to {target}"
    unfinished = f"a move from the fleet at {state} that was interrupted"
    _require_no_state(locations, target, unfinished)
    with ExitStack() as stack:
        places = [
            (layout.location(state, bucket), layout.identity(bucket))
            for bucket in range(layout.buckets)
        ]
        acquired = [
            stack.enter_context(_acquired(locations, location, identity, moved))
            for location, identity in places
        ]
        whole = join_states([found for _, found in acquired])
        with _filled(locations, target, unfinished, whole) as single:
            for store, _ in acquired:
                store.hand_over(moved)
            single.hand_over(layout.source)
    return whole


@contextmanager
def _acquired(
    locations: Locations, location: str, identity: str, moved: str
) -> Iterator[tuple[Erasable, WholeState]]:
    """Acquire a state, and read all of it. ``moved``: the identity that an earlier attempt has
    handed it over to.
    """
    with closing(_store(locations, location)) as store:
        there = locations.has_state(location)
        again = there and locations.view(location).taken().stream == moved
        whole = store.acquire(moved if again else identity)
        waiting = store.backlog().entries
        if waiting:
            raise BadInput(
                f"{waiting:,} requests wait in the outbox of {location}: start its worker again "
                "until all are sent, then stop it"
            )
        view = locations.view(location)
        resident = {change.state.key for change in whole.sessions}
        found = view.find_sessions(None)
        evicted = [one for one in found if one.state.key not in resident]
        yield store, WholeState(whole, evicted, view.notes())


@contextmanager
def _filled(
    locations: Locations, location: str, identity: str, state: WholeState
) -> Iterator[Erasable]:
    """Store a state at a location without one."""
    with closing(_store(locations, location)) as store:
        store.acquire(identity)
        store.append(Commit(state.whole, [], state.evicted, None))
        for start in range(0, len(state.notes), _NOTES_AT_ONCE):
            store.settle(map(_settled, state.notes[start : start + _NOTES_AT_ONCE]))
        yield store


def _settled(note: Note) -> Settled:
    """Wrap a note as a ledger takes it: the outcome of an entry, here one that doesn't exist."""
    return Settled(note.entry, DeliveryOutcome.APPLIED, (), note)


def _require_empty(locations: Locations, state: str, layout: Layout) -> None:
    if read_layout(locations, state) is not None:
        raise Misconfigured(
            f"there is a fleet at {state} already, to which no other state can be moved: name "
            "another place for a new one"
        )
    full = [
        location
        for bucket in range(layout.buckets)
        if locations.has_state(location := layout.location(state, bucket))
    ]
    if full:
        raise Misconfigured(
            f"there are states already, as at {full[0]}: name another place, or, if an attempt to "
            f"move was interrupted, remove everything at {state} and repeat it"
        )


def _require_no_state(locations: Locations, target: str, unfinished: str) -> None:
    """Raise ``Misconfigured`` if there is a state, in use or left by an interrupted move."""
    if not locations.has_state(target):
        return
    if locations.view(target).taken().stream == unfinished:
        raise Misconfigured(
            f"the state at {target} is of {unfinished}: remove it, and no more, and repeat the move"
        )
    raise Misconfigured(f"there is a state at {target} already: name another place")


def _store(locations: Locations, location: str) -> Erasable:
    return locations.store(location, lambda _failed: None, time.sleep, random)
