"""Tuning of Python's cyclic garbage collector. Shell."""

from __future__ import annotations

import gc


def tune_collector() -> None:
    """Collect after every 5,000 new containers, and older generations as seldom as can be.

    The structures of records, sessions and samples form no cycles, so a collection finds nearly
    nothing of them. Python's default thresholds scan all of them each time they have grown by a
    quarter, which takes a tenth of the time of replaying 10^6 records. But each call of botocore's
    leaves a parser that refers to itself: three containers, 1.2 kB together. A live worker makes
    hundreds of calls a minute, so the youngest generation's threshold decides how much of such
    garbage waits: 2 MB at 5,000 containers.
    """
    gc.set_threshold(5_000, 200, 10)
