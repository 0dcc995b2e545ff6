"""Checks of a fleet: its layout, its keyed stream, its buckets and its leases. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from worker.doctor.facts import State, StreamFacts
from worker.doctor.findings import Finding, fail, not_known, ok, warn
from worker.fleet.layout import Layout


class TableFacts(NamedTuple):
    """A lease table: whether it exists, its leases, and how many tasks hold them."""

    name: str
    exists: bool
    leases: int = 0
    owners: int = 0
    problem: str = ""


class FleetFacts(NamedTuple):
    """The facts about a fleet. ``place``: its location. ``layout``: None if it has none, or if
    there is a ``problem`` with it. ``source``, ``keyed``: None if they could not be described.
    ``buckets``: the state of each. ``engine``: the setting, which has no default.
    """

    place: str
    layout: Layout | None
    problem: str | None
    source: StreamFacts | None
    keyed: StreamFacts | None
    buckets: list[State]
    tables: list[TableFacts]
    engine: str | None


class FleetStreams(NamedTuple):
    """The streams' names, as the settings have them."""

    source: str
    keyed: str


def fleet_findings(facts: FleetFacts, streams: FleetStreams) -> Iterator[Finding]:
    """Run all checks of a fleet."""
    yield _layout(facts, streams)
    yield _engine(facts.engine)
    yield from _keyed(facts)
    if facts.layout is not None:
        yield _buckets(facts.layout, facts.buckets)
    yield from map(_table, facts.tables)


def _layout(facts: FleetFacts, streams: FleetStreams) -> Finding:
    check, layout = "layout", facts.layout
    if facts.problem is not None:
        return fail(check, facts.problem, "see the setting state, and restore the layout")
    if layout is None:
        return fail(check, f"{facts.place}: none", "run voice-insights fleet init")
    found = f"{facts.place}: {layout.buckets} buckets of {layout.source}, by {layout.keyed}"
    named = _name(layout.source), _name(layout.keyed)
    if named != (_name(streams.source), _name(streams.keyed)):
        return fail(
            check,
            f"{found}; the settings name {streams.source} and {streams.keyed}",
            "correct stream and fleet_stream, or name another state",
        )
    return ok(check, found)


def _engine(engine: str | None) -> Finding:
    if engine is None:
        return warn("engine", "none is named", "set fleet_engine to kcl-rs or daemon")
    return ok("engine", engine)


def _keyed(facts: FleetFacts) -> Iterator[Finding]:
    keyed, source = facts.keyed, facts.source
    if keyed is None:
        yield not_known("keyed stream", "it could not be described", "see DescribeStreamSummary")
        return
    if keyed.mode != "PROVISIONED":
        yield fail(
            "keyed stream",
            f"{keyed.mode}: its records need not go to the shard that their hash key names",
            "switch it to PROVISIONED (UpdateStreamMode)",
        )
    else:
        yield _keyed_shards(keyed, facts.layout)
    if source is None:
        yield not_known("keyed retention", f"{keyed.retention_h} h", "see the stream")
    elif keyed.retention_h < source.retention_h:
        yield fail(
            "keyed retention",
            f"{keyed.retention_h} h, and {source.retention_h} h for the stream: routers go on once "
            "the keyed stream has what they read",
            "raise it to the stream's at least (IncreaseStreamRetentionPeriod)",
        )
    else:
        yield ok("keyed retention", f"{keyed.retention_h} h, against {source.retention_h} h")
    if source is not None and source.encryption != "NONE" and keyed.encryption == "NONE":
        yield warn(
            "keyed encryption",
            "none, and the stream has: the same records lie there unencrypted",
            "turn on server-side encryption with the same key",
        )


def _keyed_shards(keyed: StreamFacts, layout: Layout | None) -> Finding:
    found = f"{keyed.status}, {keyed.open_shards} open shards, provisioned"
    if keyed.status not in ("ACTIVE", "UPDATING"):
        return fail("keyed stream", found, "wait until it is ACTIVE, or name another stream")
    if layout is not None and keyed.open_shards > layout.buckets:
        return warn(
            "keyed stream",
            f"{found}, for {layout.buckets} buckets: some shards carry none",
            "merge shards (UpdateShardCount)",
        )
    return ok("keyed stream", found)


def _buckets(layout: Layout, buckets: list[State]) -> Finding:
    check = "buckets"
    for bucket, state in enumerate(buckets):
        if state.problem is not None:
            return fail(check, f"{state.place}: {state.problem}", "see the runbook, on the state")
        if state.stream is not None and state.stream != layout.identity(bucket):
            return fail(
                check,
                f"{state.place}: it is the state of {state.stream}",
                "restore the bucket's own, or run voice-insights fleet init at another place",
            )
    owners: defaultdict[int, list[int]] = defaultdict(list)
    for bucket, state in enumerate(buckets):
        if state.epoch is not None:
            owners[state.epoch].append(bucket)
    acquired = sum(map(len, owners.values()))
    by_owner = "; ".join(
        f"{_times(count)}: {', '.join(map(str, held))}" for count, held in sorted(owners.items())
    )
    found = f"{acquired} of {layout.buckets} acquired" + (f" ({by_owner})" if by_owner else "")
    return ok(check, found if acquired else f"{found}: no task has run yet")


def _table(table: TableFacts) -> Finding:
    check = f"table {table.name}"
    if table.problem:
        return not_known(check, table.problem, f"allow dynamodb:Scan on {table.name}")
    if not table.exists:
        return ok(check, "none yet: the first task makes it")
    return ok(check, f"{table.leases} leases, held by {table.owners} tasks")


def _name(stream: str) -> str:
    return stream.partition(",")[0].rpartition("/")[2]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
