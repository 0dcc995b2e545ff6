"""Moves a whole state from one partition to the buckets of a fleet, and back. Pure.

A session goes to its bucket with everything that the state has of it. Other parts go to every
bucket (the positions and clocks of the source's shards, the admitted series, the digests of erased
calls and of revisions, which name no session), or must be counted once and go to bucket 0 (the
counters, the ledger's notes). Totals of series since a start end: a bucket is another instance,
whose totals start at 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from worker.errors import BadInput
from worker.outbox.ledger import Note
from worker.partition.commit_outputs import EvictedSession
from worker.partition.delta import Delta, SessionChange
from worker.partition.revisions import merge_revisions
from worker.stream.position import CARRIER, SECOND, Position

_OPENED: Final = "sessions_opened"
_MARGIN_MS: Final = 60_000
"""The overlap (ms) of a start by time: a position's time may be this machine's, records' arrivals
are the service's, and the two clocks differ.
"""


class WholeState(NamedTuple):
    """The whole state of a partition while no request waits in its outbox.

    ``whole``: the merge of all commits; ``evicted``: the closed sessions in the store, without
    those in memory; ``notes``: the ledger's.
    """

    whole: Delta
    evicted: list[EvictedSession]
    notes: list[Note]


def split_state(
    state: WholeState, buckets: int, bucket_of: Callable[[str], int]
) -> list[WholeState]:
    """Return the states of all buckets. ``bucket_of``: the bucket of a session id.

    The counters of all buckets add up to those of ``state``, and each session still open is counted
    as opened where it is.
    """
    whole = state.whole
    resident: list[list[SessionChange]] = [[] for _ in range(buckets)]
    evicted: list[list[EvictedSession]] = [[] for _ in range(buckets)]
    for change in whole.sessions:
        resident[bucket_of(change.state.key.session_id)].append(change)
    for one in state.evicted:
        evicted[bucket_of(one.state.key.session_id)].append(one)
    counters = _divided(whole.counters, [_open(sessions) for sessions in resident])
    shared = replace(whole, totals=None)
    return [
        WholeState(
            replace(shared, sessions=resident[bucket], counters=counters[bucket]),
            evicted[bucket],
            _renumbered(state.notes) if bucket == 0 else [],
        )
        for bucket in range(buckets)
    ]


def start_after(positions: Mapping[str, Position]) -> Literal["trim_horizon"] | int:
    """Return where routers must begin so that they leave out no record after these positions. They
    repeat a minute, which the buckets recognise. An int is epoch ms, in whole seconds.
    """
    start = min((at.seen_to for at in positions.values() if not at.ended), default=0) - _MARGIN_MS
    return start - start % SECOND if start > 0 else "trim_horizon"


def join_states(states: Sequence[WholeState]) -> WholeState:
    """Return the one state of a fleet's buckets, in their order.

    Raises ``BadInput``, which names a shard and the buckets, unless all buckets have read every
    shard of the source equally far: records that only some of them have read would be lost or
    counted twice.
    """
    deltas = [state.whole for state in states]
    sessions = [change for delta in deltas for change in delta.sessions]
    times = [delta.stream_time for delta in deltas if delta.stream_time is not None]
    counters: Counter[str] = Counter()
    for delta in deltas:
        counters.update(delta.counters)
    return WholeState(
        Delta(
            stream_time=max(times, default=None),
            clocks=_latest(delta.clocks for delta in deltas),
            positions=_common([_of_source(delta.positions) for delta in deltas]),
            numbered=len(sessions),
            sessions=[
                SessionChange(number, change.state, change.log)
                for number, change in enumerate(sessions, 1)
            ],
            series=list(dict.fromkeys(series for delta in deltas for series in delta.series)),
            counters=dict(counters),
            found_sparse=any(delta.found_sparse for delta in deltas),
            revisions=merge_revisions(delta.revisions for delta in deltas),
            erased=list(dict.fromkeys(digest for delta in deltas for digest in delta.erased)),
        ),
        [one for state in states for one in state.evicted],
        _renumbered([note for state in states for note in state.notes]),
    )


def _divided(counters: Mapping[str, int], still_open: Sequence[int]) -> list[dict[str, int]]:
    elsewhere = sum(still_open[1:])
    first = dict(counters)
    if elsewhere:
        first[_OPENED] = first.get(_OPENED, 0) - elsewhere
    return [first, *({_OPENED: count} if count else {} for count in still_open[1:])]


def _open(sessions: Iterable[SessionChange]) -> int:
    return sum(change.state.closed is None for change in sessions)


def _renumbered(notes: Iterable[Note]) -> list[Note]:
    """Return notes by their latest minute, under numbers that no entry of an outbox ever has."""
    ordered = sorted(notes, key=lambda note: note.newest)
    return [replace(note, entry=-number) for number, note in enumerate(ordered, 1)]


def _of_source(positions: Mapping[str, Position]) -> dict[str, Position]:
    return {shard: at for shard, at in positions.items() if not shard.startswith(CARRIER)}


def _latest(clocks: Iterable[Mapping[str, int]]) -> dict[str, int]:
    latest: dict[str, int] = {}
    for one in clocks:
        for shard, clock in one.items():
            if not shard.startswith(CARRIER):
                latest[shard] = max(clock, latest.get(shard, clock))
    return latest


def _common(positions: Sequence[Mapping[str, Position]]) -> dict[str, Position]:
    """Return the positions that all buckets share. A shard that was read to its end may have left
    the stream, and so the positions of some buckets.
    """
    common = {}
    for shard in sorted({shard for one in positions for shard in one}):
        known = {bucket: one[shard] for bucket, one in enumerate(positions) if shard in one}
        places = {(at.kind, at.value) for at in known.values()}
        missing = len(known) < len(positions)
        if len(places) > 1 or (missing and not all(at.ended for at in known.values())):
            raise BadInput(_unequal(shard, positions))
        common[shard] = max(known.values(), key=lambda at: at.seen_to)
    return common


def _unequal(shard: str, positions: Sequence[Mapping[str, Position]]) -> str:
    read = {bucket: one[shard].seen_to for bucket, one in enumerate(positions) if shard in one}
    unread = [bucket for bucket in range(len(positions)) if bucket not in read]
    last = unread[0] if unread else min(read, key=lambda bucket: read[bucket])
    first = max(read, key=lambda bucket: read[bucket])
    return (
        f"bucket {last} has not read {shard} as far as bucket {first} has: let the fleet's "
        "partitions run without its routers until they have read what was routed"
    )
