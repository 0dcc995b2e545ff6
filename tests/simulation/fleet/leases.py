"""A strict table of leases, as a consumer library keeps one for an application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.sources.kinesis.lineage import ShardInfo


@dataclass(slots=True)
class _Lease:
    info: ShardInfo
    owner: str = ""
    taken: int = 0
    checkpoint: str | None = None
    ended: bool = False


class StrictLeases:
    """Leases of the shards of one stream. A shard is leased once its parents are checkpointed to
    their ends; whoever has lost a lease can't checkpoint.
    """

    def __init__(
        self, name: str, say: Callable[[str], None], breaks: Callable[[str], None]
    ) -> None:
        self._name = name
        self._say = say
        self._breaks = breaks
        self._leases: dict[str, _Lease] = {}

    def sync(self, shards: tuple[ShardInfo, ...]) -> None:
        """Add shards that can be leased by now."""
        for info in shards:
            known = [self._leases[one] for one in info.parents if one in self._leases]
            listed = {one.shard for one in shards}
            waits = any(one in listed and one not in self._leases for one in info.parents)
            if info.shard not in self._leases and not waits and all(one.ended for one in known):
                self._leases[info.shard] = _Lease(info)

    def free(self) -> list[str]:
        """The shards that nobody has and that aren't at their end."""
        return [name for name, one in self._leases.items() if not (one.owner or one.ended)]

    def held(self, owner: str) -> list[str]:
        """The shards that ``owner`` has, by this table."""
        return [name for name, one in self._leases.items() if one.owner == owner]

    def others(self, owner: str) -> list[str]:
        """The shards that others have."""
        return [name for name, one in self._leases.items() if one.owner not in ("", owner)]

    def take(self, owner: str, shard: str) -> int:
        """Lease a shard, whoever has it; return the number of this taking."""
        lease = self._leases[shard]
        self._say(f"{self._name}: {owner} takes {shard} from {lease.owner or 'nobody'}")
        lease.owner = owner
        lease.taken += 1
        return lease.taken

    def is_held(self, owner: str, shard: str, taken: int) -> bool:
        """Whether that taking still counts."""
        lease = self._leases[shard]
        return (lease.owner, lease.taken) == (owner, taken)

    def lose(self, owner: str) -> None:
        """Free all leases of one that is dead, or hasn't renewed them."""
        for lease in self._leases.values():
            if lease.owner == owner:
                lease.owner = ""

    def checkpoint_of(self, shard: str) -> str | None:
        """The sequence number of the checkpoint; None before there is one."""
        return self._leases[shard].checkpoint

    def checkpoint(self, owner: str, shard: str, taken: int, sequence: str | None) -> bool:
        """Move a checkpoint; None: to the shard's end. Return whether the lease was held."""
        if not self.is_held(owner, shard, taken):
            return False
        lease = self._leases[shard]
        if lease.ended:
            self._breaks(f"{self._name}: {shard} is checkpointed after its end")
        elif sequence is None:
            lease.ended, lease.owner = True, ""
        elif lease.checkpoint is not None and int(sequence) < int(lease.checkpoint):
            self._breaks(f"{self._name}: {shard} is checkpointed backwards, at {sequence}")
        else:
            lease.checkpoint = sequence
        return True
