"""Decides which clock is believed where a shard has nothing to read. Pure.

The date of an answer is the server's, and nothing older arrives any more; but a server with a wrong
clock, or a proxy that dates its answers itself, would move stream time for good. So a date is
believed only as far as this machine's clock supports it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from worker.times.rfc3339 import format_ms

AGREE_WITHIN: Final = 300_000
"""The difference (ms) that two clocks may have. At 5 min AWS refuses this machine's signatures
anyway.
"""


class ClockDoubt(NamedTuple):
    """The server's date and this machine's clock when an answer came (epoch ms), too far apart for
    either to be believed.
    """

    server: int
    machine: int

    @property
    def apart(self) -> int:
        """The difference in ms."""
        return abs(self.server - self.machine)

    def __str__(self) -> str:
        return (
            f"the service's date is {format_ms(self.server)}, this machine's clock says "
            f"{format_ms(self.machine)}"
        )


def supported(server: int, machine: int) -> int | ClockDoubt:
    """Return the earlier of both times (epoch ms) if they agree, else the doubt."""
    doubt = ClockDoubt(server, machine)
    return doubt if doubt.apart > AGREE_WITHIN else min(server, machine)
