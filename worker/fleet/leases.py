"""The leases of a fleet, as the engine's tables in DynamoDB have them. Shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from worker.aws.clients import client_errors
from worker.aws.errors import words_of
from worker.errors import Misconfigured
from worker.fleet.task import ROLES


class Lease(NamedTuple):
    """A lease: its role, its shard and its owner; nobody holds it if ``owner`` is empty."""

    role: str
    shard: str
    owner: str


class LeaseTable(NamedTuple):
    """A table, made by the first task. ``problem``: why it can't be read."""

    name: str
    exists: bool
    leases: list[Lease]
    problem: str = ""


def read_leases(
    session: boto3.Session, fleet: str, region: str | None, endpoint: str | None
) -> list[LeaseTable]:
    """Return both tables of the fleet of that name, with a lease per shard id."""
    with client_errors("DynamoDB"):
        client: Any = session.client("dynamodb", region_name=region, endpoint_url=endpoint)
    return [_table(client, f"{fleet}-{role}", role) for role in ROLES]


def require_unleased(tables: Iterable[LeaseTable]) -> None:
    """Raise ``Misconfigured`` if one of the tables has leases: they belong to an earlier fleet, and
    the routers of a new one would continue from its checkpoints.
    """
    for table in tables:
        if table.leases:
            raise Misconfigured(
                f"fleet_name: the table {table.name} has leases of a fleet that was there before: "
                "take another fleet_name, and another keyed stream"
            )


def _table(client: Any, name: str, role: str) -> LeaseTable:
    try:
        return LeaseTable(name, True, list(_leases(client, name, role)))
    except client.exceptions.ResourceNotFoundException:
        return LeaseTable(name, False, [])
    except (BotoCoreError, ClientError) as error:
        return LeaseTable(name, True, [], words_of(error))


def _leases(client: Any, name: str, role: str) -> Iterator[Lease]:
    for page in client.get_paginator("scan").paginate(TableName=name):
        for item in page["Items"]:
            if "leaseKey" in item:
                shard = str(item["leaseKey"].get("S", "")).rpartition(":")[2]
                yield Lease(role, shard, str(item.get("leaseOwner", {}).get("S", "")))
